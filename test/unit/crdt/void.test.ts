import { describe, expect, test } from 'vitest'
import { decodeOperation, encodeOperation } from '../../../crdt/operation.ts'
import { voidedFrom, voidedRuns, voidOperation, withoutRuns } from '../../../crdt/void.ts'

const END = Number.MAX_SAFE_INTEGER
const hlc = { ms: 5, counter: 0, device: new Uint8Array(8) }
const log = (ref: number, parent: number | null = null, start = 1) => ({ ref, parent, start })

describe('a VOID', () => {
  test('comes back as it was, and says nothing in any other form', () => {
    const said = voidOperation(7, hlc)
    expect(voidedFrom(decodeOperation(encodeOperation(said)))).toBe(7)
    for (const other of [
      { ...said, table: 1 },
      { ...said, key: 'x' },
      { ...said, columns: new Map() },
      { ...said, columns: new Map([[1, 0]]) },
      { ...said, columns: new Map([[1, 'x']]) },
      {
        ...said,
        columns: new Map([
          [1, 2],
          [2, 3],
        ]),
      },
    ])
      expect(voidedFrom(other)).toBeUndefined()
  })

  test('takes out its range and all that follows it', () => {
    expect(voidedRuns([log(1)], [{ log: 1, seq: 9, from: 4 }])).toEqual([
      { log: 1, first: 10, last: END },
      { log: 1, first: 4, last: 8 },
    ])
  })

  test('behind another one takes out nothing more, in whatever order they are heard', () => {
    const voids = [
      { log: 1, seq: 9, from: 8 },
      { log: 1, seq: 12, from: 1 },
    ]
    for (const order of [voids, voids.toReversed()])
      expect(voidedRuns([log(1)], order)).toEqual(voidedRuns([log(1)], voids.slice(0, 1)))
  })

  test('of a branch reaches what the branches share, and no other branch', () => {
    const logs = [log(1), log(2, 1, 5), log(3, 1, 5), log(4, 2, 11)]
    expect(voidedRuns(logs, [{ log: 2, seq: 8, from: 3 }])).toEqual([
      { log: 2, first: 9, last: END },
      { log: 4, first: 11, last: END },
      { log: 2, first: 5, last: 7 },
      { log: 1, first: 3, last: 4 },
    ])
  })

  test('runs less runs', () => {
    const run = (first: number, last: number, of = 1) => ({ log: of, first, last })
    expect(withoutRuns([run(1, 9)], [run(3, 4), run(7, 20), run(1, 9, 2)])).toEqual([run(1, 2), run(5, 6)])
    expect(withoutRuns([run(1, 9)], [run(1, 9)])).toEqual([])
  })
})
