import { LIMITS } from '../schema/limits.ts'
import { decodeBranchSegment, isBranchSegment } from './branch.ts'
import { type Cbor, decodeCanonical, encodeCanonical } from './cbor.ts'
import { commitmentOf, saltOf } from './operation.ts'
import type { SegmentHeader } from './segment.ts'

/** One operation as it travels: its body with the salt of its own if the segment has no seed, or its commitment alone. */
export type ShippedOperation =
  | { readonly body: Uint8Array; readonly salt?: Uint8Array }
  /** Hollow: what it said was erased. */
  | { readonly commitment: Uint8Array }

/**
 * A signed segment, or its end: `from` says which operation comes first, when the receiver holds those before it.
 */
export interface ShippedSegment extends SegmentHeader {
  readonly signature: Uint8Array
  /** The salts' seed; absent once an operation of the segment is hollow. */
  readonly seed?: Uint8Array
  readonly from: number
  readonly operations: readonly ShippedOperation[]
}

const VERSION = 1

/**
 * Canonical CBOR [1, space, device, incarnation, first, count, previous hash, membership head, head hash, signature,
 * seed or null, from, operations]; an operation is its body, [salt, body], or [commitment].
 */
export function encodeShippedSegment(segment: ShippedSegment): Uint8Array {
  return encodeCanonical([
    VERSION,
    segment.space,
    segment.device,
    segment.incarnation,
    segment.first,
    segment.count,
    segment.previousHash,
    segment.membershipHead,
    segment.headHash,
    segment.signature,
    segment.seed ?? null,
    segment.from,
    segment.operations.map((operation): Cbor => {
      if ('commitment' in operation) return [operation.commitment]
      return operation.salt ? [operation.salt, operation.body] : operation.body
    }),
  ])
}

/**
 * Throws on anything but the canonical form of a segment within the limits. Signature and chain are not looked at.
 * Its parts are views into `bytes`: two hundred copies per segment would be a tenth of taking it in.
 */
export function decodeShippedSegment(bytes: Uint8Array): ShippedSegment {
  if (isBranchSegment(bytes)) return decodeBareSegment(decodeBranchSegment(bytes).segment)
  return decodeBareSegment(bytes)
}

function decodeBareSegment(bytes: Uint8Array): ShippedSegment {
  const parts = decodeCanonical(bytes, true)
  if (!Array.isArray(parts) || parts.length !== 13 || parts[0] !== VERSION)
    throw new Error('not a segment of this version')
  const [, space, device, incarnation, first, count, previousHash, membershipHead, headHash, signature] =
    parts as Cbor[]
  const [seed, from, list] = parts.slice(10) as [Cbor, Cbor, Cbor]
  if (!isCount(first) || !isCount(count) || !isCount(from) || first < 1 || count < 1)
    throw new Error('a segment counts its operations from 1')
  const last = first + count - 1
  if (count > LIMITS.segmentOperations || from < first || from > last)
    throw new Error('a segment that holds too many operations, or none')
  if (!Array.isArray(list) || list.length !== last - from + 1)
    throw new Error('a segment does not carry what it says')
  const operations = (list as Cbor[]).map((item) => readOperation(item, seed !== null))
  let size = 0
  for (const operation of operations) if ('body' in operation) size += operation.body.length
  if (operations.length > 1 && size > LIMITS.segmentBytes) throw new Error('a segment is too large')
  return {
    space: bytesOf(space, 32),
    device: bytesOf(device, 32),
    incarnation: bytesOf(incarnation, 8),
    first,
    count,
    previousHash: bytesOf(previousHash, 32),
    membershipHead: bytesOf(membershipHead, 32),
    headHash: bytesOf(headHash, 32),
    signature: bytesOf(signature, 64),
    ...(seed === null ? {} : { seed: bytesOf(seed, 32) }),
    from,
    operations,
  }
}

/**
 * The commitment of the operation at that sequence, from whatever the segment carries of it, and the salt it was made
 * with; of a hollow operation there is none.
 */
export function commitmentIn(
  segment: ShippedSegment,
  sequence: number,
): { commitment: Uint8Array; salt: Uint8Array | undefined } {
  const operation = segment.operations[sequence - segment.from]
  if (!operation) throw new RangeError('the segment does not carry that operation')
  if ('commitment' in operation) return { commitment: operation.commitment, salt: undefined }
  const salt = operation.salt ?? (segment.seed && saltOf(segment.seed, sequence))
  if (!salt) throw new Error('an operation without a salt')
  return { commitment: commitmentOf(salt, operation.body), salt }
}

function readOperation(item: Cbor, seeded: boolean): ShippedOperation {
  if (item instanceof Uint8Array && seeded) return { body: limited(item) }
  if (Array.isArray(item) && !seeded) {
    if (item.length === 1) return { commitment: bytesOf(item[0], 32) }
    if (item.length === 2 && item[1] instanceof Uint8Array)
      return { salt: bytesOf(item[0], 16), body: limited(item[1]) }
  }
  throw new Error('a bad operation in a segment')
}

function limited(body: Uint8Array): Uint8Array {
  if (body.length > LIMITS.operationBytes) throw new Error('an operation is too large')
  return body
}

function bytesOf(value: Cbor | undefined, length: number): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length !== length)
    throw new Error('a field of a segment has another length')
  return value
}

function isCount(value: Cbor | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}
