import { describe, expect, it } from 'vitest'
import { provesConsistency, provesInclusion } from '../../../../daemon/master/log/merkle-proof.ts'
import {
  consistencyRanges,
  EMPTY_ROOT,
  inclusionRanges,
  innerHash,
  leafHash,
  rangeHash,
  rootOf,
  type Subtree,
  subtreesCompletedBy,
} from '../../../../daemon/master/log/merkle-tree.ts'
import { MTH, PATH, PROOF } from './reference-tree.ts'

/** The leaves of the test vectors that came with Certificate Transparency. */
const KNOWN = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const KNOWN_ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
]

const entries = (count: number, salt = 0) =>
  Array.from({ length: count }, (_, n) => Buffer.from(`entry ${salt} ${n}`))

/** A tree as a database keeps it: complete subtrees alone. */
function stored(leaves: readonly Uint8Array[]) {
  const nodes = new Map<string, Uint8Array>()
  const name = ({ level, position }: Subtree) => `${level}/${position}`
  const hashOf = (subtree: Subtree) => {
    const found = nodes.get(name(subtree))
    if (!found) throw new Error(`no subtree ${name(subtree)}`)
    return found
  }
  for (const [index, leaf] of leaves.entries())
    for (const { level, position } of subtreesCompletedBy(index)) {
      const below = (side: number) => hashOf({ level: level - 1, position: 2 * position + side })
      nodes.set(name({ level, position }), level === 0 ? leafHash(leaf) : innerHash(below(0), below(1)))
    }
  return hashOf
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('a Merkle tree', () => {
  it('has the roots of the vectors of Certificate Transparency', () => {
    const leaves = KNOWN.map((text) => Buffer.from(text, 'hex'))
    const hashOf = stored(leaves)
    expect(KNOWN_ROOTS.map((_, n) => hex(rootOf(n + 1, hashOf)))).toEqual(KNOWN_ROOTS)
    expect(hex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
    expect(rootOf(0, hashOf)).toBe(EMPTY_ROOT)
  })

  it('makes the roots and proofs that the definitions give, for every index and size up to 40', () => {
    const leaves = entries(40)
    const hashOf = stored(leaves)
    for (let size = 1; size <= leaves.length; size++) {
      const D = leaves.slice(0, size)
      const root = rootOf(size, hashOf)
      expect(hex(root)).toBe(hex(MTH(D)))
      for (let index = 0; index < size; index++) {
        const path = inclusionRanges(index, size).map((range) => rangeHash(range, hashOf))
        expect(path.map(hex)).toEqual(PATH(index, D).map(hex))
        expect(provesInclusion(leafHash(leaves[index]!), { index, path }, size, root)).toBe(true)
      }
      for (let first = 1; first <= size; first++) {
        const proof = consistencyRanges(first, size).map((range) => rangeHash(range, hashOf))
        expect(proof.map(hex)).toEqual(PROOF(first, D).map(hex))
        const before = { size: first, root: MTH(D.slice(0, first)) }
        expect(provesConsistency(before, { size, root }, proof)).toBe(true)
      }
      expect(provesConsistency({ size: 0, root: EMPTY_ROOT }, { size, root }, [])).toBe(true)
    }
  })

  it('proves nothing of another leaf, place, size, root or path', () => {
    const leaves = entries(21)
    for (const size of [1, 2, 7, 8, 13, 21]) {
      const D = leaves.slice(0, size)
      const root = MTH(D)
      for (let index = 0; index < size; index++) {
        const path = PATH(index, D)
        const leaf = leafHash(leaves[index]!)
        const holds = (l = leaf, i = index, p: Uint8Array[] = path, s = size, r: Uint8Array = root) =>
          provesInclusion(l, { index: i, path: p }, s, r)
        expect(holds()).toBe(true)
        expect(holds(leafHash(Buffer.from('another')))).toBe(false)
        for (const other of [-1, index + 1, index - 1, size, 0.5, Number.NaN])
          expect(holds(leaf, other)).toBe(false)
        expect(holds(leaf, index, [...path, leaf])).toBe(false)
        if (path.length > 0) expect(holds(leaf, index, path.slice(1))).toBe(false)
        if (path.length > 1) expect(holds(leaf, index, [...path].reverse())).toBe(false)
        expect(holds(leaf, index, path, size, MTH(entries(size, 1)))).toBe(false)
      }
    }
  })

  it('proves no consistency of histories that differ, at whatever sizes, with whatever proof of either', () => {
    for (const size of [2, 3, 6, 8, 11, 16, 19])
      for (let first = 1; first <= size; first++)
        for (const changed of [0, Math.floor(first / 2), first - 1]) {
          const mine = entries(size)
          const theirs = mine.map((leaf, n) => (n === changed ? Buffer.from('changed') : leaf))
          const before = { size: first, root: MTH(mine.slice(0, first)) }
          const after = { size, root: MTH(theirs) }
          for (const D of [mine, theirs]) {
            const proof = PROOF(first, D)
            expect(provesConsistency(before, after, proof)).toBe(false)
            expect(provesConsistency(before, after, [...proof, proof[0] ?? before.root])).toBe(false)
            expect(provesConsistency(before, after, proof.slice(1))).toBe(false)
          }
        }
  })

  it('is sound for swapped, dropped and smaller histories', () => {
    const leaves = entries(9)
    const before = { size: 6, root: MTH(leaves.slice(0, 6)) }
    const [a, b, ...rest] = leaves
    for (const D of [
      [b!, a!, ...rest],
      [a!, ...rest],
    ])
      expect(provesConsistency(before, { size: D.length, root: MTH(D) }, PROOF(6, D))).toBe(false)
    const smaller = { size: 5, root: MTH(leaves.slice(0, 5)) }
    expect(provesConsistency(before, smaller, [])).toBe(false)
    expect(provesConsistency({ size: 0, root: before.root }, before, [])).toBe(false)
  })
})
