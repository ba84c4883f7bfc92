import { hash } from 'node:crypto'

/** Leaves `begin` to `end - 1` of a tree. */
export interface LeafRange {
  readonly begin: number
  readonly end: number
}

/** A complete subtree: of those with 2^level leaves the one at `position`, from 0. */
export interface Subtree {
  readonly level: number
  readonly position: number
}

export type HashOf = (subtree: Subtree) => Uint8Array

/** The root of a tree without leaves: SHA-256 of nothing. */
export const EMPTY_ROOT = digest()

/** RFC 6962, section 2.1: SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Uint8Array {
  return digest(Uint8Array.of(0), entry)
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function innerHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return digest(Uint8Array.of(1), left, right)
}

/** The root of the first `size` leaves. */
export function rootOf(size: number, hashOf: HashOf): Uint8Array {
  return size === 0 ? EMPTY_ROOT : rangeHash({ begin: 0, end: size }, hashOf)
}

/** The hash of a range that begins where a subtree of its size may, from those of its complete subtrees. */
export function rangeHash(range: LeafRange, hashOf: HashOf): Uint8Array {
  return subtreesOf(range)
    .map(hashOf)
    .reduceRight((right, left) => innerHash(left, right))
}

/** The complete subtrees of a range, largest first. */
export function subtreesOf({ begin, end }: LeafRange): Subtree[] {
  const parts: Subtree[] = []
  for (let at = begin; at < end; ) {
    const level = Math.floor(Math.log2(end - at))
    parts.push({ level, position: at / 2 ** level })
    at += 2 ** level
  }
  return parts
}

/** RFC 6962, section 2.1.1: the ranges whose hashes prove that the leaf at `index` is among the first `size`. */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  const path: LeafRange[] = []
  let [begin, end] = [0, size]
  while (end - begin > 1) {
    const middle = begin + largestPowerBelow(end - begin)
    if (index < middle) {
      path.unshift({ begin: middle, end })
      end = middle
    } else {
      path.unshift({ begin, end: middle })
      begin = middle
    }
  }
  return path
}

/** Section 2.1.2: the ranges whose hashes prove that a tree of `size` leaves begins with the tree of the first `first`. */
export function consistencyRanges(first: number, size: number): LeafRange[] {
  if (first === 0 || first === size) return []
  const path: LeafRange[] = []
  let [begin, end] = [0, size]
  // Whether the old tree ends inside this range and its root is not known to who checks.
  let known = true
  while (first !== end) {
    const middle = begin + largestPowerBelow(end - begin)
    if (first <= middle) {
      path.unshift({ begin: middle, end })
      end = middle
    } else {
      path.unshift({ begin, end: middle })
      begin = middle
      known = false
    }
  }
  return known ? path : [{ begin, end }, ...path]
}

/** The subtrees that are complete once the leaf at `index` is there, the leaf first, each the parent of the one before. */
export function subtreesCompletedBy(index: number): Subtree[] {
  const completed: Subtree[] = []
  for (let level = 0; (index + 1) % 2 ** level === 0; level++)
    completed.push({ level, position: (index + 1) / 2 ** level - 1 })
  return completed
}

/** The largest power of two below a number of at least two. */
function largestPowerBelow(count: number): number {
  const power = 2 ** Math.floor(Math.log2(count))
  return power === count ? power / 2 : power
}

function digest(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(hash('sha256', Buffer.concat(parts), 'buffer'))
}
