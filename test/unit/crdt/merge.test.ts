import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mergeOperation } from '../../../crdt/merge.ts'
import type { Operation, OperationKind } from '../../../crdt/operation.ts'
import { packStamp, packStamps, type RowStamps, type Stamp, unpackStamps } from '../../../crdt/stamps.ts'
import type { Value } from '../../../schema/entities/index.ts'

const devices = [
  { tag: Buffer.alloc(8, 1), device: Buffer.alloc(32, 1) },
  { tag: Buffer.alloc(8, 1), device: Buffer.alloc(32, 2) }, // the same tag: the device decides
  { tag: Buffer.alloc(8, 9), device: Buffer.alloc(32, 9) },
]
const deviceOf = (log: number) => devices[log]!

interface Write {
  readonly operation: Operation
  readonly stamp: Stamp
}

/** Few distinct times, so that ties are common. */
const write: fc.Arbitrary<Write> = fc
  .record({
    ms: fc.integer({ min: 0, max: 3 }),
    counter: fc.integer({ min: 0, max: 1 }),
    log: fc.integer({ min: 0, max: 2 }),
    hash: fc.uint8Array({ minLength: 8, maxLength: 8, max: 3 }),
    kind: fc.constantFrom<OperationKind>('INSERT', 'UPDATE', 'UPDATE', 'DELETE', 'UNDELETE'),
    columns: fc.dictionary(fc.constantFrom('1', '2', '3'), fc.integer({ min: 0, max: 99 })),
  })
  .map(({ kind, columns, ...stamp }) => ({
    stamp,
    operation: {
      hlc: { ms: stamp.ms, counter: stamp.counter, device: deviceOf(stamp.log).tag },
      kind,
      table: 1,
      key: 'row',
      schemaVersion: 1,
      columns: new Map(
        kind === 'DELETE' || kind === 'UNDELETE'
          ? []
          : Object.entries(columns).map(([c, v]) => [Number(c), v]),
      ),
    },
  }))

/** Distinct stamps: two operations never share one, because the hash is part of it. */
const writes = fc.uniqueArray(write, {
  maxLength: 14,
  selector: ({ stamp }) => JSON.stringify([stamp.ms, stamp.counter, stamp.log, [...stamp.hash]]),
})

function fold(list: readonly Write[]): Record<string, Value> {
  const stamps: RowStamps = new Map()
  const values: Record<string, Value> = {}
  for (const { operation, stamp } of list)
    for (const [column, value] of mergeOperation(stamps, operation, stamp, deviceOf)) values[column] = value
  return values
}

/** Written apart from the code: sorts every write and lets the last one of each column stand. */
function reference(list: readonly Write[]): Record<string, Value> {
  const rank = ({ stamp }: Write) =>
    [
      String(stamp.ms).padStart(15, '0'),
      String(stamp.counter).padStart(5, '0'),
      devices[stamp.log]!.tag.toString('hex'),
      devices[stamp.log]!.device.toString('hex'),
      Buffer.from(stamp.hash).toString('hex'),
    ].join('/')
  const values: Record<string, Value> = {}
  for (const { operation } of [...list].sort((a, b) => (rank(a) < rank(b) ? -1 : 1))) {
    if (operation.kind === 'DELETE') values['0'] = 1
    else if (operation.kind === 'UNDELETE') values['0'] = 0
    else for (const [column, value] of operation.columns) values[String(column)] = value
  }
  return values
}

describe('column merge', () => {
  test('any order, with repetitions, gives what the reference gives', () => {
    fc.assert(
      fc.property(writes, fc.infiniteStream(fc.nat()), (list, random) => {
        const expected = reference(list)
        const shuffled = [...list, ...list.slice(0, 3)]
          .map((item) => ({ item, at: random.next().value as number }))
          .sort((a, b) => a.at - b.at)
          .map(({ item }) => item)
        expect(fold(list)).toEqual(expected)
        expect(fold(shuffled)).toEqual(expected)
      }),
      { numRuns: 3_000 },
    )
  })

  test('only UNDELETE brings a row back: an insert or update after a delete does not', () => {
    const at = (ms: number, kind: OperationKind, columns: [number, Value][] = []): Write => ({
      stamp: { ms, counter: 0, log: 0, hash: Buffer.alloc(8, ms) },
      operation: {
        hlc: { ms, counter: 0, device: deviceOf(0).tag },
        kind,
        table: 1,
        key: 'row',
        schemaVersion: 1,
        columns: new Map(columns),
      },
    })
    const deleted = [
      at(1, 'INSERT', [[1, 'a']]),
      at(2, 'DELETE'),
      at(3, 'INSERT', [[1, 'b']]),
      at(4, 'UPDATE', [[2, 'c']]),
    ]
    expect(fold(deleted)).toEqual({ '0': 1, '1': 'b', '2': 'c' })
    expect(fold([...deleted, at(5, 'UNDELETE')])).toEqual({ '0': 0, '1': 'b', '2': 'c' })
  })

  test('packed stamps read back', () => {
    fc.assert(
      fc.property(writes, (list) => {
        const stamps: RowStamps = new Map()
        for (const { operation, stamp } of list) mergeOperation(stamps, operation, stamp, deviceOf)
        const back = unpackStamps(packStamps(stamps))
        expect([...back].sort(([a], [b]) => a - b).map(([c, s]) => [c, { ...s, hash: [...s.hash] }])).toEqual(
          [...stamps].sort(([a], [b]) => a - b).map(([c, s]) => [c, { ...s, hash: [...s.hash] }]),
        )
      }),
    )
  })

  test('the columns of one write are packed as merging would pack them', () => {
    const stamp = fc.record({
      ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      counter: fc.nat({ max: 0xffff }),
      log: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      hash: fc.uint8Array({ minLength: 8, maxLength: 8 }),
    })
    const columns = fc.uniqueArray(fc.nat({ max: 255 }), { maxLength: 20 })
    fc.assert(
      fc.property(stamp, columns, (one, numbers) => {
        const stamps: RowStamps = new Map(numbers.map((number) => [number, one]))
        if (numbers.length > 0) expect(packStamp(one, numbers)).toEqual(packStamps(stamps))
        expect(unpackStamps(packStamp(one, numbers))).toEqual(stamps)
      }),
    )
  })
})
