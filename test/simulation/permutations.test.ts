import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deviceTag } from '../../crdt/device.ts'
import { mergeOperation, TOMBSTONE } from '../../crdt/merge.ts'
import { decodeOperation } from '../../crdt/operation.ts'
import type { RowStamps } from '../../crdt/stamps.ts'
import { erasedEntry, rowEntry, StateDigest } from '../../crdt/state-digest.ts'
import { validityOf } from '../../crdt/validity.ts'
import { stateDigest } from '../../daemon/vault/state-digest.ts'
import { REPLICATED_ENTITIES, type Value } from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import { digestOfState, markerOf, type PlacedOperation, stateOf } from '../support/reference-state.ts'
import { seededRandom } from '../support/seed.ts'
import { type HandWrittenLogs, handWrittenLogs } from './hand-written-logs.ts'
import { BEGIN, type Family, makeFamily } from './vault-family.ts'
import { type VaultImage, VaultReplica } from './vault-replica.ts'
import { segmentsOfStrangers } from './vault-strangers.ts'

const LONG = process.env.VIVIM_TEST_LONG === '1'
const PURE_RUNS = 10_000
const VAULT_RUNS = LONG ? 10_000 : 400
/** A vault run takes some 5 ms on a machine of its own. */
const TIMEOUT = LONG ? 3_600_000 : 300_000
/** Sets of operations that are permuted. */
const SETS = 100
const DAY = 24 * 3_600_000

let family: Family
let sets: HandWrittenLogs[]
let strangers: readonly Uint8Array[]
beforeAll(() => {
  family = makeFamily('permuted')
  const { uncertified, foreign } = segmentsOfStrangers(family)
  strangers = [...uncertified, ...foreign]
  sets = Array.from({ length: SETS }, (_, index) =>
    handWrittenLogs(family, family.devices.slice(0, 3), seededRandom(`permuted ${index}`)),
  )
})
afterAll(() => family[Symbol.dispose]())

const expected = (operations: readonly PlacedOperation[]) =>
  digestOfState(stateOf(operations, family.spaceSecret))

describe('any order, repetition and batching of a set of operations', () => {
  test(`is one state by the rules alone, ${PURE_RUNS} times`, { timeout: TIMEOUT }, () => {
    const orders = fc.tuple(fc.nat(SETS - 1), fc.integer())
    fc.assert(
      fc.property(orders, ([index, order]) => {
        const { operations, bodies } = sets[index]!
        const random = seededRandom(`order ${order}`)
        const shuffled = shuffle([...bodies.keys(), ...bodies.keys()], random.integer)
        expect(foldedDigest(shuffled.map((place) => [operations[place]!, bodies[place]!]))).toBe(
          expected(operations),
        )
      }),
      { numRuns: PURE_RUNS },
    )
  })

  test(`is one state in a vault, with forged and foreign ones among them, ${VAULT_RUNS} times`, {
    timeout: TIMEOUT,
  }, () => {
    let time = BEGIN + 60_000
    const replica = new VaultReplica({
      family,
      member: family.devices[4]!,
      random: seededRandom('permuted'),
      time: () => time,
      folder: join(family.folder, 'permuted'),
      introduced: true,
    })
    const empty: VaultImage = replica.image()
    let refused = 0
    fc.assert(
      fc.property(fc.nat(SETS - 1), fc.integer(), (index, order) => {
        time = BEGIN + 60_000
        replica.putBack(empty, false)
        const { operations, genuine, forged } = sets[index]!
        const random = seededRandom(`order ${order}`)
        const all = shuffle(
          [...genuine, ...genuine.slice(0, 5), ...forged, random.pick(strangers)],
          random.integer,
        )
        while (all.length > 0) if (!replica.apply(all.splice(0, 1 + random.integer(4)))) refused++
        // What came too early, or with a lie, comes again.
        for (let left = operations.length; left > 0 && replica.operations() < operations.length; left--)
          for (const segment of shuffle(genuine, random.integer)) replica.apply([segment])
        const due = operations.filter(({ read }) => read.ms <= time + LIMITS.clockAheadMs)
        expect(stateOfVault(replica)).toBe(expected(due))
        time += DAY
        replica.releaseHeld()
        expect(stateOfVault(replica)).toBe(expected(operations))
      }),
      { numRuns: VAULT_RUNS },
    )
    replica.close()
    expect(refused).toBeGreaterThan(VAULT_RUNS / 2)
  })

  test('and the sets hold what they should: lies, what is void, newer, erased and ahead of time', () => {
    const operations = sets.flatMap((set) => set.operations)
    for (const judgement of ['valid', 'void', 'unknown'])
      expect(operations.filter(({ read }) => read.judgement === judgement).length).toBeGreaterThan(50)
    expect(operations.filter(({ read }) => typeof read.key !== 'string').length).toBeGreaterThan(50)
    expect(operations.filter(({ read }) => read.ms > BEGIN + DAY / 48).length).toBeGreaterThan(50)
    expect(sets.flatMap(({ forged }) => forged).length).toBeGreaterThan(100)
  })
})

function stateOfVault({ vault }: VaultReplica): string {
  return stateDigest(vault, vault.logs, vault.space)
}

/** What the product's rules make of operations one after the other, without a vault. */
function foldedDigest(operations: readonly (readonly [PlacedOperation, Uint8Array])[]): string {
  const devices = family.devices.map(({ device }) => ({ device, tag: deviceTag(device) }))
  const deviceOf = (log: number) => devices[log]!
  const rows = new Map<
    string,
    { table: number; key: string; stamps: RowStamps; values: Map<number, Value> }
  >()
  const erased = new Map<string, { table: number; marker: Uint8Array }>()
  for (const [{ device, hash }, body] of operations) {
    const operation = decodeOperation(body)
    const { table, key, hlc } = operation
    if (validityOf(operation) !== 'valid') continue
    if (typeof key !== 'string') {
      erased.set(`${table} ${Buffer.from(key).toString('hex')}`, { table, marker: key })
      continue
    }
    const row = rows.get(`${table} ${key}`) ?? { table, key, stamps: new Map(), values: new Map() }
    rows.set(`${table} ${key}`, row)
    const log = family.devices.findIndex((member) => Buffer.compare(member.device, device) === 0)
    const stamp = { ms: hlc.ms, counter: hlc.counter, log, hash: hash.slice(0, 8) }
    for (const [column, value] of mergeOperation(row.stamps, operation, stamp, deviceOf))
      row.values.set(column, value)
  }
  const digest = new StateDigest()
  for (const { number } of REPLICATED_ENTITIES) {
    const live = [...rows.values()].filter(
      ({ table, key }) =>
        table === number &&
        !erased.has(`${table} ${Buffer.from(markerOf(family.spaceSecret, table, key)).toString('hex')}`),
    )
    for (const { table, key, stamps, values } of live.sort((a, b) =>
      Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)),
    ))
      digest.add(
        rowEntry(
          {
            table,
            key,
            stamps,
            deleted: values.get(TOMBSTONE) === 1,
            valueAt: (column) => values.get(column)!,
          },
          deviceOf,
        ),
      )
    const markers = [...erased.values()].filter(({ table }) => table === number)
    for (const { table, marker } of markers.sort((a, b) => Buffer.compare(a.marker, b.marker)))
      digest.add(erasedEntry(table, marker))
  }
  return digest.hex()
}

function shuffle<T>(items: readonly T[], integer: (below: number) => number): T[] {
  const shuffled = [...items]
  for (let at = shuffled.length - 1; at > 0; at--) {
    const other = integer(at + 1)
    ;[shuffled[at], shuffled[other]] = [shuffled[other]!, shuffled[at]!]
  }
  return shuffled
}
