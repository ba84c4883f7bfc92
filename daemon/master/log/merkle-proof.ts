import { EMPTY_ROOT, innerHash } from './merkle-tree.ts'

/** RFC 9162, section 2.1.3.2: whether a leaf's hash is at `index` of the tree with this size and root. */
export function provesInclusion(
  leaf: Uint8Array,
  { index, path }: { readonly index: number; readonly path: readonly Uint8Array[] },
  size: number,
  root: Uint8Array,
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size) return false
  let [node, last] = [index, size - 1]
  let hash = leaf
  for (const sibling of path) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      hash = innerHash(sibling, hash)
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)]
    } else hash = innerHash(hash, sibling)
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equal(hash, root)
}

interface Tree {
  readonly size: number
  readonly root: Uint8Array
}

/** Section 2.1.4.2: whether the second tree is the first one with leaves added behind. */
export function provesConsistency(first: Tree, second: Tree, proof: readonly Uint8Array[]): boolean {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) return false
  if (first.size === 0) return proof.length === 0 && equal(first.root, EMPTY_ROOT)
  if (first.size === second.size) return proof.length === 0 && equal(first.root, second.root)
  // A first tree that is complete is a node of the second one, which who checks has.
  const [start, ...rest] = Number.isInteger(Math.log2(first.size)) ? [first.root, ...proof] : proof
  if (!start || rest.length === 0) return false
  let [node, last] = [first.size - 1, second.size - 1]
  while (isOdd(node)) [node, last] = [half(node), half(last)]
  let [before, after] = [start, start]
  for (const sibling of rest) {
    if (last === 0) return false
    if (isOdd(node) || node === last) {
      before = innerHash(sibling, before)
      after = innerHash(sibling, after)
      while (!isOdd(node) && node !== 0) [node, last] = [half(node), half(last)]
    } else after = innerHash(after, sibling)
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equal(before, first.root) && equal(after, second.root)
}

// Shifts would cut numbers to 32 bits.
function half(value: number): number {
  return Math.floor(value / 2)
}

function isOdd(value: number): boolean {
  return value % 2 === 1
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
