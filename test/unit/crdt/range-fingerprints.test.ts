import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { hashOf, sha256 } from '../../../crdt/hash.ts'
import {
  areDisjoint,
  compareNames,
  EVERYTHING,
  fingerprintOf,
  type Item,
  type ItemName,
  isAnswerTo,
  isWithin,
  type Range,
  type RangeAnswer,
  RangeComparison,
  RangeSplit,
  RangeSum,
} from '../../../crdt/range-fingerprints.ts'

const item = (table: number, key: string | Uint8Array, content: string | number = 0): Item => ({
  table,
  key,
  hash: hashOf([table, key, content]),
})
const named = ({ table, key }: ItemName) =>
  `${table}/${typeof key === 'string' ? key : Buffer.from(key).toString('hex')}`
const within = (items: readonly Item[], range: Range) => items.filter((one) => isWithin(one, range))

function answer(items: readonly Item[], range: Range): RangeAnswer {
  const inside = within(items, range)
  const split = new RangeSplit(inside.length)
  for (const one of inside) split.add(one)
  return split.answer()
}

/** One side asks, the other answers, until no range is left; a table of items stands for each. */
function reconcile(mine: readonly Item[], theirs: readonly Item[]) {
  const names: ItemName[] = []
  let ranges: readonly Range[] = [EVERYTHING]
  let rounds = 0
  let bytes = 0
  while (ranges.length > 0) {
    rounds++
    const next: Range[] = []
    for (const range of ranges) {
      const said = answer(theirs, range)
      expect(isAnswerTo(range, said)).toBe(true)
      bytes += sizeOf(range) + sizeOf(said)
      const comparison = new RangeComparison(range, said)
      for (const one of within(mine, range)) comparison.add(one)
      const differences = comparison.differences()
      next.push(...differences.ranges)
      names.push(...differences.names)
    }
    expect(areDisjoint(next)).toBe(true)
    ranges = next
  }
  return { names, rounds, bytes }
}

function sizeOf(value: Range | RangeAnswer): number {
  if ('from' in value) return sizeOfNames([value.from, ...(value.to ? [value.to] : [])])
  if ('items' in value) return sizeOfNames(value.items) + value.items.length * 34
  return sizeOfNames(value.bounds) + value.fingerprints.length * 17
}

const sizeOfNames = (names: readonly ItemName[]) =>
  encodeCanonical(names.map(({ table, key }) => [table, key])).length

/** Names of what only one side has, or has otherwise: by looking at each. */
function naiveDifferences(mine: readonly Item[], theirs: readonly Item[]): string[] {
  const contents = (items: readonly Item[]) =>
    new Map(items.map((one) => [named(one), Buffer.from(one.hash).toString('hex')]))
  const [a, b] = [contents(mine), contents(theirs)]
  return [...new Set([...a.keys(), ...b.keys()])].filter((name) => a.get(name) !== b.get(name)).sort()
}

describe('fingerprints', () => {
  test('are what a big integer says', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 40 }), (hashes) => {
        const sum = new RangeSum()
        for (const hash of hashes) sum.add(hash)
        const total = hashes.reduce((all, hash) => all + BigInt(`0x${Buffer.from(hash).toString('hex')}`), 0n)
        const bytes = Buffer.from((total % 2n ** 256n).toString(16).padStart(64, '0'), 'hex')
        const expected = sha256(encodeCanonical(['vivim/range/1', bytes, hashes.length])).slice(0, 16)
        expect(Buffer.from(sum.fingerprint()).equals(expected)).toBe(true)
      }),
    )
  })

  test('carry through all 256 bits and begin again at zero', () => {
    const sum = new RangeSum()
    sum.add(new Uint8Array(32).fill(0xff))
    sum.add(Uint8Array.from({ length: 32 }, (_, at) => (at === 31 ? 1 : 0)))
    expect(sum.fingerprint()).toEqual(fingerprintOf(new Uint8Array(32), 2n))
  })

  test('count beyond 32 and beyond 53 bits', () => {
    const counts = [0n, 5n, 2n ** 31n, 2n ** 32n, 2n ** 32n + 5n, 2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]
    const prints = counts.map((count) =>
      Buffer.from(fingerprintOf(new Uint8Array(32), count)).toString('hex'),
    )
    expect(new Set(prints).size).toBe(counts.length)
  })
})

describe('ranges', () => {
  test('names are in the order of their bytes, rows before erased ones', () => {
    const ordered: ItemName[] = [
      { table: 1, key: '' },
      { table: 1, key: 'b' },
      { table: 1, key: 'ba' },
      { table: 1, key: '\uffff' },
      { table: 1, key: '\u{10000}' }, // before it by UTF-16 units
      { table: 1, key: Uint8Array.of(0) },
      { table: 1, key: Uint8Array.of(0, 1) },
      { table: 2, key: '' },
    ]
    for (const [index, name] of ordered.entries())
      for (const [other, than] of ordered.entries())
        expect(Math.sign(compareNames(name, than))).toBe(Math.sign(index - other))
  })

  const name = fc.tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\uffff', '\u{10000}'), minLength: 1, maxLength: 6 }),
      fc.uint8Array({ minLength: 4, maxLength: 4, max: 2 }),
    ),
  )
  const items = fc.uniqueArray(fc.tuple(name, fc.integer({ min: 0, max: 2 })), {
    maxLength: 400,
    selector: ([[table, key]]) => named({ table, key }),
  })

  test('the differences of any two sets are found, all of them and nothing else', () => {
    fc.assert(
      fc.property(items, items, fc.double({ min: 0, max: 1, noNaN: true }), (first, second, shared) => {
        const made = (list: typeof first) =>
          list.map(([[table, key], content]) => item(table, key, content)).sort(compareNames)
        const mine = made(first)
        const common = mine.slice(0, Math.floor(mine.length * shared))
        const taken = new Set(common.map(named))
        const theirs = [...common, ...made(second).filter((one) => !taken.has(named(one)))].sort(compareNames)
        const expected = naiveDifferences(mine, theirs)
        expect(reconcile(mine, theirs).names.map(named).sort()).toEqual(expected)
        expect(reconcile(theirs, mine).names.map(named).sort()).toEqual(expected)
      }),
      { numRuns: 200 },
    )
  })

  test('keys that are times in milliseconds: ten of a thousand are missing, ten are found', () => {
    const at = Date.UTC(2026, 1, 14)
    const all = Array.from({ length: 1_000 }, (_, index) => item(1, String(at + index), at + index))
    const some = all.filter((_, index) => index % 100 !== 7)
    const found = reconcile(some, all)
    expect(found.names).toHaveLength(10)
    expect(found.rounds).toBeLessThanOrEqual(3)
  })

  test('100,000 rows, one difference: a handful of exchanges and a few kilobytes', () => {
    const mine = Array.from({ length: 100_000 }, (_, index) =>
      item(
        1 + (index % 3),
        Buffer.from(hashOf([index]))
          .toString('hex')
          .slice(0, 26),
        index,
      ),
    ).sort(compareNames)
    const theirs = [...mine]
    theirs[61_803] = { ...mine[61_803]!, hash: hashOf(['another']) }
    const { names, rounds, bytes } = reconcile(mine, theirs)
    console.log(`100,000 rows, one differs: ${rounds} round trips, ${bytes} bytes`)
    expect(names.map(named)).toEqual([named(mine[61_803]!)])
    expect(rounds).toBeLessThanOrEqual(4)
    expect(bytes).toBeLessThan(8_000)
  })
})

describe('answers that lead nowhere are told from others', () => {
  const range: Range = { from: { table: 1, key: 'c' }, to: { table: 1, key: 'm' } }
  const print = new Uint8Array(16)
  const row = (key: string) => item(1, key)
  const bounds = (...keys: string[]) => keys.map((key) => ({ table: 1, key }))
  test.each<[string, RangeAnswer]>([
    ['an item before the range', { items: [row('b')] }],
    ['an item behind it', { items: [row('m')] }],
    ['an item twice', { items: [row('d'), row('d')] }],
    ['items out of order', { items: [row('e'), row('d')] }],
    ['too many items', { items: Array.from({ length: 32 }, (_, index) => row(`d${index + 10}`)) }],
    ['one part', { bounds: [], fingerprints: [print] }],
    ['a part of nothing', { bounds: bounds('c'), fingerprints: [print, print] }],
    ['a bound outside', { bounds: bounds('m'), fingerprints: [print, print] }],
    ['bounds out of order', { bounds: bounds('e', 'd'), fingerprints: [print, print, print] }],
    ['a fingerprint too few', { bounds: bounds('d'), fingerprints: [print] }],
    [
      'seventeen parts',
      {
        bounds: bounds(...'defghijk', 'ka', 'kb', 'kc', 'kd', 'ke', 'kf', 'kg', 'kh'),
        fingerprints: Array(17).fill(print),
      },
    ],
  ])('%s', (_, said) => expect(isAnswerTo(range, said)).toBe(false))

  test('ranges that overlap, or are turned round', () => {
    const [c, e, m] = bounds('c', 'e', 'm') as [ItemName, ItemName, ItemName]
    expect(
      areDisjoint([
        { from: c, to: e },
        { from: e, to: m },
        { from: m, to: null },
      ]),
    ).toBe(true)
    expect(
      areDisjoint([
        { from: c, to: m },
        { from: e, to: null },
      ]),
    ).toBe(false)
    expect(
      areDisjoint([
        { from: c, to: null },
        { from: e, to: m },
      ]),
    ).toBe(false)
    expect(areDisjoint([{ from: m, to: c }])).toBe(false)
  })
})
