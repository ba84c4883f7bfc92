import { describe, expect, test } from 'vitest'
import { logName } from '../../../crdt/frontier.ts'
import type { Operation } from '../../../crdt/operation.ts'
import {
  decodePositions,
  encodePositions,
  isSupersededForGood,
  stableSequences,
} from '../../../crdt/stability.ts'
import type { RowStamps, Stamp } from '../../../crdt/stamps.ts'

const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill)
const log = (device: number, sequence: number) => ({
  device: bytes(32, device),
  incarnation: bytes(8, 0),
  sequence,
})
const stamp = (ms: number, number: number): Stamp => ({
  ms,
  counter: 0,
  log: number,
  hash: bytes(8, ms % 256),
})
const operation = (kind: Operation['kind'], columns: [number, string][] = []): Operation => ({
  hlc: { ms: 10, counter: 0, device: bytes(8, 1) },
  kind,
  table: 1,
  key: 'c1',
  schemaVersion: 1,
  columns: new Map(columns),
})

describe('what is stable', () => {
  test('is what every device holds, and a device holds its own', () => {
    const heads = [log(1, 10), log(2, 20)]
    const one = { device: bytes(32, 1), holds: new Map([[logName(log(2, 0)), 15]]) }
    const two = { device: bytes(32, 2), holds: new Map([[logName(log(1, 0)), 7]]) }
    const names = heads.map(logName) as [string, string]
    expect([...stableSequences(heads, [one, two])]).toEqual([
      [names[0], 7],
      [names[1], 15],
    ])
    expect(stableSequences(heads, [{ ...one, holds: new Map() }, two]).has(names[1])).toBe(false)
    expect(stableSequences(heads, []).size).toBe(0)
    // Nobody holds more than there is.
    expect(stableSequences([log(2, 3)], [one]).get(names[1])).toBe(3)
  })

  test('positions read as they were written; what cannot be read says nothing', () => {
    const written = encodePositions([log(2, 5), log(1, 4), log(3, 0)])
    expect(written).toEqual(encodePositions([log(1, 4), log(2, 5)]))
    expect([...decodePositions(written)]).toEqual([
      [logName(log(1, 0)), 4],
      [logName(log(2, 0)), 5],
    ])
    for (const bad of [bytes(3, 255), new Uint8Array(), Uint8Array.of(1), Uint8Array.of(0x81, 1)])
      expect(decodePositions(bad).size).toBe(0)
  })

  test('an operation is superseded for good when each of its columns went to another one that is stable', () => {
    const own = stamp(10, 1)
    const upTo = (number: number) => (number === 2 ? { ms: 30, counter: 0 } : undefined)
    const rename = operation('UPDATE', [
      [5, 'a'],
      [6, 'b'],
    ])
    const rows = (five: Stamp, six: Stamp): RowStamps =>
      new Map([
        [5, five],
        [6, six],
      ])
    expect(isSupersededForGood(rename, own, rows(stamp(20, 2), stamp(30, 2)), upTo)).toBe(true)
    expect(isSupersededForGood(rename, own, rows(stamp(20, 2), stamp(31, 2)), upTo)).toBe(false)
    expect(isSupersededForGood(rename, own, rows(stamp(20, 2), stamp(20, 3)), upTo)).toBe(false)
    expect(isSupersededForGood(rename, own, rows(stamp(20, 2), own), upTo)).toBe(false)
    expect(isSupersededForGood(rename, own, new Map([[5, stamp(20, 2)]]), upTo)).toBe(false)
    expect(isSupersededForGood(operation('DELETE'), own, new Map([[0, stamp(20, 2)]]), upTo)).toBe(true)
    // It may be all that says that there is a row.
    expect(isSupersededForGood(operation('INSERT'), own, new Map([[5, stamp(20, 2)]]), upTo)).toBe(false)
    for (const kind of ['ERASE', 'UNKNOWN'] as const)
      expect(isSupersededForGood(operation(kind), own, new Map(), upTo)).toBe(false)
  })
})
