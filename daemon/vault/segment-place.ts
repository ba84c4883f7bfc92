import { branchName } from '../../crdt/branch.ts'
import { GENESIS_HASH, LogChain } from '../../crdt/log.ts'
import { commitmentIn, type ShippedSegment } from '../../crdt/shipped-segment.ts'
import type { Branches } from './branches.ts'
import type { LogRow } from './logs.ts'

/** Where a segment belongs among the branches of its log. */
export type SegmentPlace =
  /** Its operations from `sequence` on are new, and follow the one with the hash `previous`. */
  | {
      readonly kind: 'new'
      readonly sequence: number
      readonly hash: Uint8Array
      readonly previous: Uint8Array
    }
  | { readonly kind: 'known' }
  /** It follows an operation that is not here: another branch, of which more has to come first. */
  | { readonly kind: 'apart' }
  /** It is not what its own header says. */
  | { readonly kind: 'broken' }

/** Finds the last operation of a segment's that is here. The signature is not looked at. */
export function placeOf(
  branches: Branches,
  family: readonly LogRow[],
  segment: ShippedSegment,
): SegmentPlace {
  const { from, first, count, previousHash } = segment
  const whole = from === first
  const starts = whole ? [previousHash] : branches.hashesAt(family, from - 1)
  const hashes = starts.map((start) => hashesFrom(segment, start)).find((chain) => chain !== undefined)
  if (!hashes) return { kind: whole ? 'broken' : 'apart' }
  // Where a snapshot stands for a branch's beginning only its last operation can be compared.
  const missing = branches.missing(family).toSorted((a, b) => b.sequence - a.sequence)
  const end = first + count - 1
  const at = (sequence: number) => hashes[sequence - from + 1]!
  const shown = missing.find(
    ({ sequence, hash }) => sequence >= from && sequence <= end && Buffer.compare(at(sequence), hash) === 0,
  )
  const follows =
    shown !== undefined ||
    (from === 1
      ? Buffer.compare(at(0), GENESIS_HASH) === 0
      : branches.holding(family, { sequence: from - 1, hash: at(from - 1) }) !== undefined)
  const unseen = missing.some(({ sequence }) => sequence >= end)
  if (!follows) return { kind: unseen ? 'known' : 'apart' }
  for (let sequence = shown ? shown.sequence + 1 : from; sequence <= end; sequence++) {
    const hash = at(sequence)
    if (branches.holding(family, { sequence, hash })) continue
    const name = branchName(segment.device, segment.incarnation, hash)
    const isMissing = family.some(
      (log) => Buffer.compare(log.incarnation, name) === 0 && log.head_seq >= log.start,
    )
    if (isMissing) return { kind: unseen ? 'known' : 'apart' }
    return { kind: 'new', sequence, hash, previous: at(sequence - 1) }
  }
  return { kind: 'known' }
}

/** The hash before the first operation that came, and of each; undefined unless they end in the header's. */
function hashesFrom(segment: ShippedSegment, start: Uint8Array): Uint8Array[] | undefined {
  const chain = new LogChain(segment)
  const hashes = [start]
  for (let sequence = segment.from; sequence < segment.first + segment.count; sequence++)
    hashes.push(chain.hash(sequence, hashes.at(-1)!, commitmentIn(segment, sequence).commitment))
  return Buffer.compare(hashes.at(-1)!, segment.headHash) === 0 ? hashes : undefined
}
