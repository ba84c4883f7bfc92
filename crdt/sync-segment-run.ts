import { decodeBranchSegment, isBranchSegment } from './branch.ts'
import type { LogPosition } from './frontier.ts'

/** Which operations a shipped segment carries: from `sequence` to `upTo`, both included. */
export interface SegmentRun extends LogPosition {
  readonly upTo: number
}

const SEGMENT_ARRAY_OF_13 = 0x8d
const VERSION = 1
const NULL = 0xf6

/**
 * Reads the fields before the operations of an encoded `ShippedSegment`, and nothing else: what it costs does not grow
 * with the segment, and whoever merges it decodes all of it anyway. @throws on anything that does not begin like one
 */
export function runOfSegment(bytes: Uint8Array): SegmentRun {
  if (!isBranchSegment(bytes)) return runOfBareSegment(bytes)
  const { name, before, segment } = decodeBranchSegment(bytes)
  const { device, sequence, upTo } = runOfBareSegment(segment)
  if (sequence <= before) throw new Error('a branch that begins before itself')
  return { device, incarnation: name, sequence: sequence - before, upTo: upTo - before }
}

function runOfBareSegment(bytes: Uint8Array): SegmentRun {
  const fields = new LeadingFields(bytes)
  fields.expect(SEGMENT_ARRAY_OF_13)
  fields.expect(VERSION)
  fields.bytes(32)
  const device = fields.bytes(32)
  const incarnation = fields.bytes(8)
  const first = fields.integer()
  const count = fields.integer()
  for (const length of [32, 32, 32, 64]) fields.bytes(length)
  fields.bytesOrNull(32)
  const sequence = fields.integer()
  const upTo = first + count - 1
  if (first < 1 || count < 1 || sequence < first || sequence > upTo || !Number.isSafeInteger(upTo))
    throw new Error('a segment that counts wrongly')
  return { device, incarnation, sequence, upTo }
}

class LeadingFields {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  expect(byte: number): void {
    if (this.#bytes[this.#at++] !== byte) throw new Error('not a segment of this version')
  }

  /** A copy, so that nothing holds on to the segment. */
  bytes(length: number): Uint8Array {
    // CBOR byte strings: up to 23 bytes the length is in the head, up to 255 in the byte behind it.
    if (length < 24) this.expect(0x40 | length)
    else {
      this.expect(0x58)
      this.expect(length)
    }
    const end = this.#at + length
    if (end > this.#bytes.length) throw new Error('a segment that ends early')
    const value = new Uint8Array(this.#bytes.subarray(this.#at, end))
    this.#at = end
    return value
  }

  bytesOrNull(length: number): void {
    if (this.#bytes[this.#at] === NULL) this.#at++
    else this.bytes(length)
  }

  integer(): number {
    const head = this.#bytes[this.#at++]
    if (head === undefined) throw new Error('a segment that ends early')
    if (head < 24) return head
    const size = { 24: 1, 25: 2, 26: 4, 27: 8 }[head]
    if (size === undefined || this.#at + size > this.#bytes.length)
      throw new Error('a segment without a number')
    const value =
      size === 8 ? Number(this.#bytes.readBigUInt64BE(this.#at)) : this.#bytes.readUIntBE(this.#at, size)
    this.#at += size
    return value
  }
}
