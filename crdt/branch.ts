import { type Cbor, decodeCanonical, encodeCanonical } from './cbor.ts'
import { hashOf } from './hash.ts'
import { bytesOf, fieldsOf, integerOf } from './sync-fields.ts'

/**
 * After a fork each branch is a log of its own: its sequences count from 1 at the first operation that differs, and
 * in the place of an incarnation it has this name. What was written before stays in the log they share. So every
 * device that knows the fork names the same logs, and a frontier has the head of each branch.
 */
export function branchName(device: Uint8Array, incarnation: Uint8Array, firstHash: Uint8Array): Uint8Array {
  return hashOf(['vivim/branch/1', device, incarnation, firstHash]).slice(0, 8)
}

/** A segment as a part of a branch: `before` operations of its log come before the branch's first. */
export interface BranchSegment {
  /** 8 bytes. */
  readonly name: Uint8Array
  readonly before: number
  readonly segment: Uint8Array
}

/** Canonical CBOR [name, before, segment]. */
export function encodeBranchSegment({ name, before, segment }: BranchSegment): Uint8Array {
  return encodeCanonical([name, before, segment])
}

/** The header of an array of three; a bare segment is an array of 13. */
const ARRAY_OF_3 = 0x83

export function isBranchSegment(bytes: Uint8Array): boolean {
  return bytes[0] === ARRAY_OF_3
}

/** @throws on anything but the canonical form */
export function decodeBranchSegment(bytes: Uint8Array): BranchSegment {
  const [name, before, segment] = fieldsOf(decodeCanonical(bytes) as Cbor, 3)
  return {
    name: bytesOf(name, 8),
    before: integerOf(before, 0),
    segment: bytesOf(segment, 1, bytes.length),
  }
}
