import { LIMITS } from '../schema/limits.ts'
import { type Cbor, encodeCanonical } from './cbor.ts'
import { hashOf } from './hash.ts'
import {
  FINGERPRINT_BYTES,
  type Item,
  type ItemName,
  RANGE_LISTED,
  RANGE_PARTS,
  type Range,
  type RangeAnswer,
} from './range-fingerprints.ts'
import { booleanOf, bytesOf, fieldsOf, integerOf, listOf } from './sync-fields.ts'
import { isStorableKey } from './validity.ts'

/** What decides which rows a device shows. Only under equal tuples do equal rows follow. */
export interface AuditTuple {
  /** `frontierDigest`, 32 bytes. */
  readonly frontier: Uint8Array
  /** `heldDigest`, 32 bytes. */
  readonly held: Uint8Array
  /** Head of the membership log, 32 bytes; zeros in a space without one. */
  readonly membership: Uint8Array
  /** Number of the newest schema the program knows. */
  readonly schema: number
  /** The first epoch this device may read. */
  readonly visibleFrom: number
  /** Digest of the name of the floor that was applied last, 32 bytes; zeros before the first. */
  readonly floor: Uint8Array
}

/** How two devices that hold the same operations make sure that they show the same. One question at a time. */
export type AuditFrame =
  /** This is my state: tell me yours. `fresh`: read all rows, however little has changed since they were last read. */
  | {
      readonly type: 'audit'
      readonly tuple: AuditTuple
      /** State digest, 32 bytes. */
      readonly digest: Uint8Array
      readonly fresh: boolean
    }
  /** The answer; without a digest when the tuples differ. */
  | { readonly type: 'audit-state'; readonly tuple: AuditTuple; readonly digest: Uint8Array | undefined }
  /** What do you have in these ranges? None: the search is over, and `names` is what it found. */
  | { readonly type: 'audit-ranges'; readonly ranges: readonly Range[]; readonly names: readonly ItemName[] }
  /** Of the first of these ranges, as many as fit a frame. None: the rows changed meanwhile. */
  | { readonly type: 'audit-answers'; readonly answers: readonly RangeAnswer[] }

export type FrameOf<T extends AuditFrame['type']> = Extract<AuditFrame, { readonly type: T }>

export const AUDIT_NUMBER = {
  audit: 16,
  'audit-state': 17,
  'audit-ranges': 18,
  'audit-answers': 19,
} as const satisfies Record<AuditFrame['type'], number>

export type AuditNumber = (typeof AUDIT_NUMBER)[AuditFrame['type']]

/** A held operation as the digest of holds names it. */
export interface Hold {
  readonly device: Uint8Array
  readonly incarnation: Uint8Array
  readonly sequence: number
  readonly reason: string
}

const HASH_BYTES = 32
/** Room that a frame has for encoded answers. */
export const ANSWERS_BYTES = LIMITS.syncFrameBytes - 64

/** SHA-256 over the CBOR array of every hold's [device, incarnation, sequence, reason], in byte order. */
export function heldDigest(holds: readonly Hold[]): Uint8Array {
  const encoded = holds
    .map(({ device, incarnation, sequence, reason }) =>
      Buffer.from(encodeCanonical([device, incarnation, sequence, reason])),
    )
    .sort(Buffer.compare)
  return hashOf(encoded)
}

/** The first part of the tuples that differs; undefined when they are equal. */
export function tupleDifference(a: AuditTuple, b: AuditTuple): keyof AuditTuple | undefined {
  const parts = Object.keys(a) as (keyof AuditTuple)[]
  return parts.find((part) => {
    const [one, other] = [a[part], b[part]]
    return one instanceof Uint8Array && other instanceof Uint8Array
      ? Buffer.compare(one, other) !== 0
      : one !== other
  })
}

/** Encoded; of one answer at most 20 KiB. */
export function answerBytes(answer: RangeAnswer): number {
  return encodeCanonical(answerFields(answer)).length
}

export function auditFields(frame: AuditFrame): Cbor[] {
  switch (frame.type) {
    case 'audit':
      return [tupleFields(frame.tuple), frame.digest, frame.fresh]
    case 'audit-state':
      return [tupleFields(frame.tuple), frame.digest ?? null]
    case 'audit-ranges':
      return [
        frame.ranges.map(({ from, to }) => [nameFields(from), to && nameFields(to)]),
        frame.names.map(nameFields),
      ]
    case 'audit-answers':
      return [frame.answers.map(answerFields)]
  }
}

/** @throws on anything that is not a frame of this number within the limits */
export function readAuditFrame(number: AuditNumber, fields: readonly Cbor[]): AuditFrame {
  switch (number) {
    case AUDIT_NUMBER.audit: {
      const [tuple, digest, fresh] = fieldsOf(fields, 3)
      return {
        type: 'audit',
        tuple: readTuple(tuple),
        digest: bytesOf(digest, HASH_BYTES),
        fresh: booleanOf(fresh),
      }
    }
    case AUDIT_NUMBER['audit-state']: {
      const [tuple, digest] = fieldsOf(fields, 2)
      return {
        type: 'audit-state',
        tuple: readTuple(tuple),
        digest: digest === null ? undefined : bytesOf(digest, HASH_BYTES),
      }
    }
    case AUDIT_NUMBER['audit-ranges']: {
      const [ranges, names] = fieldsOf(fields, 2)
      return {
        type: 'audit-ranges',
        ranges: listOf(ranges, 0, LIMITS.syncAuditRanges).map(readRange),
        names: listOf(names, 0, LIMITS.syncAuditRows).map(readName),
      }
    }
    case AUDIT_NUMBER['audit-answers']: {
      const [answers] = fieldsOf(fields, 1)
      return { type: 'audit-answers', answers: listOf(answers, 0, LIMITS.syncAuditRanges).map(readAnswer) }
    }
  }
}

export function isAuditNumber(number: unknown): number is AuditNumber {
  return Object.values(AUDIT_NUMBER).includes(number as AuditNumber)
}

function tupleFields({ frontier, held, membership, schema, visibleFrom, floor }: AuditTuple): Cbor[] {
  return [frontier, held, membership, schema, visibleFrom, floor]
}

function readTuple(value: Cbor | undefined): AuditTuple {
  const [frontier, held, membership, schema, visibleFrom, floor] = fieldsOf(value, 6)
  return {
    frontier: bytesOf(frontier, HASH_BYTES),
    held: bytesOf(held, HASH_BYTES),
    membership: bytesOf(membership, HASH_BYTES),
    schema: integerOf(schema, 0),
    visibleFrom: integerOf(visibleFrom, 0),
    floor: bytesOf(floor, HASH_BYTES),
  }
}

function nameFields({ table, key }: ItemName): Cbor[] {
  return [table, key]
}

function readName(value: Cbor): ItemName {
  const [table, key] = fieldsOf(value, 2)
  if (typeof key === 'string') {
    // The beginning of everything has no key.
    if (key !== '' && !isStorableKey(key)) throw new Error('a name that no row has')
    return { table: integerOf(table, 0), key }
  }
  return { table: integerOf(table, 0), key: bytesOf(key, 0, HASH_BYTES) }
}

function readRange(value: Cbor): Range {
  const [from, to] = fieldsOf(value, 2)
  return { from: readName(from!), to: to === null ? null : readName(to!) }
}

/** Items and parts are told apart by how many fields there are. */
function answerFields(answer: RangeAnswer): Cbor[] {
  if ('items' in answer) return [answer.items.map((item) => [...nameFields(item), item.hash])]
  return [answer.bounds.map(nameFields), [...answer.fingerprints]]
}

function readAnswer(value: Cbor): RangeAnswer {
  const [first, prints] = listOf(value, 1, 2)
  if (prints === undefined) return { items: listOf(first, 0, RANGE_LISTED - 1).map(readItem) }
  return {
    bounds: listOf(first, 1, RANGE_PARTS - 1).map(readName),
    fingerprints: listOf(prints, 2, RANGE_PARTS).map((print) => bytesOf(print, FINGERPRINT_BYTES)),
  }
}

function readItem(value: Cbor): Item {
  const [table, key, hash] = fieldsOf(value, 3)
  return { ...readName([table!, key!]), hash: bytesOf(hash, HASH_BYTES) }
}
