import { afterEach, describe, expect, test } from 'vitest'
import { sha256 } from '../../../crdt/hash.ts'
import { EVERYTHING, type Item, type ItemName, type Range } from '../../../crdt/range-fingerprints.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { Devices } from '../../../daemon/vault/devices.ts'
import { ErasedMarkers } from '../../../daemon/vault/erasure.ts'
import { createPace } from '../../../daemon/vault/pace.ts'
import { StateAudit } from '../../../daemon/vault/state-audit.ts'
import { stateDigest, stateEntries } from '../../../daemon/vault/state-digest.ts'
import { countItems, rangeItems } from '../../../daemon/vault/state-ranges.ts'
import { SyncCursors } from '../../../daemon/vault/sync-cursors.ts'
import { SyncView } from '../../../daemon/vault/sync-methods.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { type PairedVault, type PairedVaults, pairedVaults, pull } from '../../support/paired-vaults.ts'

const opened: Disposable[] = []
afterEach(() => {
  for (const thing of opened.splice(0)) thing[Symbol.dispose]()
})

function paired(count: number): PairedVaults {
  const vaults = pairedVaults(count)
  opened.push(vaults)
  return vaults
}

const conversation = (key: string, title: string, kind: 'INSERT' | 'UPDATE' = 'INSERT'): FactChange => ({
  kind,
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE' },
})
const message = (key: string, conversation_id: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Message',
  key,
  values: { conversation_id, role: 'user', position: 1 },
})
const write = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const itemsOf = ({ vault }: PairedVault, range: Range) => [
  ...rangeItems(vault, vault.logs, vault.space, range),
]
const remake = (paired: PairedVault, names: ItemName[]) =>
  paired.replica.audited({ device: new Uint8Array(32), result: 'different', names })

/** A vault of 20,000 conversations. */
function large(): PairedVault {
  const { vaults } = paired(1)
  const [one] = vaults as [PairedVault]
  for (let start = 0; start <= LIMITS.digestAtOnceOperations; start += 1_000)
    write(
      one,
      ...Array.from({ length: 1_000 }, (_, index) => conversation(`c${start + index}`, `title ${index}`)),
    )
  return one
}

/** Two vaults that hold the same: 200 conversations with a message each, some deleted, one erased. */
function alike(): readonly [PairedVault, PairedVault] {
  const { vaults } = paired(2)
  const [one, other] = vaults as [PairedVault, PairedVault]
  const numbers = Array.from({ length: 200 }, (_, number) => number)
  write(
    one,
    ...numbers.flatMap((number) => [
      conversation(`c${number}`, `title ${number}`),
      message(`m${number}`, `c${number}`),
    ]),
  )
  pull(other, one)
  write(other, conversation('c7', 'another title', 'UPDATE'), {
    kind: 'DELETE',
    entity: 'Conversation',
    key: 'c8',
  })
  other.vault.transact((tx) => other.vault.erase(tx, [{ entity: Conversation, key: 'c9' }]))
  // What is erased takes along what belongs to it, and each says that it is gone.
  while (pull(one, other) + pull(other, one) > 0);
  expect(digestOf(one)).toBe(digestOf(other))
  return [one, other]
}

const problemsOf = async ({ vault }: PairedVault) => {
  const spaceId = privateSpaceId(vault.did)
  return (await verifySpace(vault, vault.logs, vault.space, spaceId, createPace())).problems
}

describe('entries of the state digest', () => {
  test('ranges give all of them, in order, and each once', () => {
    const [one] = alike()
    const { vault } = one
    const expected = [...stateEntries(vault, vault.logs, vault.space)].map(
      ({ table, key, bytes }): Item => ({
        table,
        key,
        hash: sha256(bytes),
      }),
    )
    expect(itemsOf(one, EVERYTHING)).toEqual(expected)
    expect(countItems(vault, vault.space, EVERYTHING)).toBe(expected.length)
    const marker = expected.find(({ key }) => typeof key !== 'string')!
    const bounds: ItemName[] = [
      { table: 0, key: '' },
      { table: 1, key: 'c1' },
      { table: 1, key: 'c8' },
      { table: 1, key: new Uint8Array(0) },
      marker,
      { table: 1, key: new Uint8Array(32).fill(255) },
      { table: 2, key: 'm5' },
      { table: 3, key: new Uint8Array(0) },
      { table: 9, key: 'x' },
    ]
    const parts = bounds.map((from, index): Range => ({ from, to: bounds[index + 1] ?? null }))
    expect(parts.flatMap((range) => itemsOf(one, range))).toEqual(expected)
    for (const range of parts) expect(countItems(vault, vault.space, range)).toBe(itemsOf(one, range).length)
  })

  test('a row whose clock names no operation does not stop anybody', async () => {
    const [one, other] = alike()
    one.vault.database.run("UPDATE conversations SET clock = zeroblob(22) WHERE id = 'c1'")
    expect(digestOf(one)).not.toBe(digestOf(other))
    expect((await remake(one, [{ table: 1, key: 'c1' }])).remade).toBe(1)
    expect(digestOf(one)).toBe(digestOf(other))
  })
})

describe('rows are made again from their operations', () => {
  const damages: [string, string, ItemName[]][] = [
    ['another value', "UPDATE conversations SET title = 'forged' WHERE id = 'c7'", [{ table: 1, key: 'c7' }]],
    [
      'a deletion taken back',
      "UPDATE conversations SET deleted = 0 WHERE id = 'c8'",
      [{ table: 1, key: 'c8' }],
    ],
    ['a row that is gone', "DELETE FROM messages WHERE id = 'm3'", [{ table: 2, key: 'm3' }]],
    [
      'a row nobody wrote',
      "INSERT INTO messages (space, id, clock, conversation_id) SELECT space, 'm999', clock, 'c1' FROM messages WHERE id = 'm1'",
      [{ table: 2, key: 'm999' }],
    ],
    [
      'an erased row that is back',
      "INSERT INTO conversations (space, id, clock, title) SELECT space, 'c9', clock, 'back' FROM conversations WHERE id = 'c1'",
      [{ table: 1, key: 'c9' }],
    ],
  ]
  test.each(damages)('%s', async (_, damage, names) => {
    const [one, other] = alike()
    one.vault.database.run(damage)
    expect(digestOf(one)).not.toBe(digestOf(other))
    expect((await remake(other, names)).remade).toBe(0) // it was right there
    expect((await remake(one, names)).remade).toBe(1)
    expect(digestOf(one)).toBe(digestOf(other))
    expect(await problemsOf(one)).toEqual([])
    one.vault.transact(() => {}) // no transaction was left open
  })

  test('a marker that is lost, and one that no ERASE named', async () => {
    const [one, other] = alike()
    const [{ marker }] = one.vault.all<{ marker: Uint8Array }>(
      'SELECT marker FROM erased WHERE table_no = 1',
    ) as [{ marker: Uint8Array }]
    const forged = new ErasedMarkers(one.vault, one.vault.space, one.keys.spaceSecret).markerOf({
      entity: Conversation,
      key: 'c20',
    })
    one.vault.database.run('DELETE FROM erased WHERE table_no = 1')
    one.vault.database.run('INSERT INTO erased (space, table_no, marker) VALUES (?, 1, ?)', [
      one.vault.space,
      forged,
    ])
    one.vault.database.run("DELETE FROM conversations WHERE id = 'c20'")
    const names = [marker, forged].map((key) => ({ table: 1, key }))
    expect((await remake(one, [...names, { table: 1, key: 'c20' }])).remade).toBe(3)
    expect(digestOf(one)).toBe(digestOf(other))
    expect(one.vault.transact((tx) => tx.isErased('Conversation', 'c9'))).toBe(true)
    expect(one.vault.transact((tx) => tx.isErased('Conversation', 'c20'))).toBe(false)
  })

  test('what is derived from a message is made again for both conversations it was in', async () => {
    const [one] = alike()
    one.vault.run('DELETE FROM derivation_queue')
    one.vault.database.run("UPDATE messages SET conversation_id = 'c5' WHERE id = 'm4'")
    await remake(one, [{ table: 2, key: 'm4' }])
    const queued = one.vault.all<{ id: string }>('SELECT conversation_id AS id FROM derivation_queue')
    expect(queued.map(({ id }) => id).sort()).toEqual(['c4', 'c5'])
  })

  test('the value of an operation without a body stays', async () => {
    const [one, other] = alike()
    one.vault.run(
      `UPDATE sync_operations SET commitment = zeroblob(32), body = NULL WHERE id = (SELECT min(id) FROM sync_operations)`,
    )
    expect((await remake(one, [{ table: 1, key: 'c0' }])).remade).toBe(0)
    expect(digestOf(one)).toBe(digestOf(other))
  })

  test('held operations stay held', async () => {
    const [one, other] = alike()
    const day = 86_400_000
    other.time += day
    write(other, conversation('c1', 'tomorrow', 'UPDATE'))
    other.time -= day
    pull(one, other)
    expect(one.vault.held.count()).toBe(1)
    const before = digestOf(one)
    expect((await remake(one, [{ table: 1, key: 'c1' }])).remade).toBe(0)
    expect(digestOf(one)).toBe(before)
  })
})

describe('measuring', () => {
  test('gives the state digest; no digest under another tuple', async () => {
    const [one, other] = alike()
    const audit = new StateAudit(one.vault)
    const { tuple, digest } = await audit.measure(false, undefined)
    expect(Buffer.from(digest!).toString('hex')).toBe(digestOf(one))
    expect(await new StateAudit(other.vault).measure(false, tuple)).toMatchObject({ tuple, digest })
    write(other, conversation('c1', 'news', 'UPDATE'))
    expect((await new StateAudit(other.vault).measure(false, tuple)).digest).toBeUndefined()
    expect(await new StateAudit(other.vault).split(tuple, [EVERYTHING])).toBeUndefined()
  })

  test('reads again after each change, or when somebody insists', async () => {
    const [one] = alike()
    const audit = new StateAudit(one.vault)
    const before = await audit.digest()
    write(one, conversation('c1', 'news', 'UPDATE'))
    const after = await audit.digest()
    expect(after).not.toBe(before)
    expect(after).toBe(digestOf(one))
    one.vault.database.run("UPDATE conversations SET title = 'forged' WHERE id = 'c7'")
    expect(await audit.digest()).toBe(after)
    expect(Buffer.from((await audit.measure(true, undefined)).digest!).toString('hex')).toBe(digestOf(one))
  })

  test('what is written while the rows are read is in the digest, or there is none', async () => {
    const [one] = alike()
    const audit = new StateAudit(one.vault)
    const measuring = audit.digest()
    for (let turn = 0; turn < 20; turn++) {
      write(one, conversation(`late ${turn}`, 'late'))
      await new Promise(setImmediate)
    }
    await measuring
    expect(await audit.digest()).toBe(digestOf(one))
  })

  test('of a large vault the state is told at once, and its digest when all rows were read', async () => {
    const one = large()
    const { vault, deviceDid } = one
    const audit = new StateAudit(vault)
    const cursors = new SyncCursors(vault, vault.logs, vault.space)
    const view = new SyncView({
      vault,
      cursors,
      audit,
      devices: new Devices({ vault, cursors, deviceDid }),
      didOf: encodeDid,
      contentProblems: async () => [],
      mask: (text) => text,
      releaseHeld: () => {},
    })
    const asked = view.status()
    write(one, conversation('late', 'late'))
    // A write while the rows are read ends the reading: the answer does not wait for a moment without one.
    expect((await asked).spaces[0]).toMatchObject({ stateDigest: null, operations: expect.any(Number) })
    expect(await audit.digestWithin(0)).toBeUndefined()
    // What was begun goes on.
    expect(await audit.digestWithin(60_000)).toBe(digestOf(one))
    expect((await view.status()).spaces[0]!.stateDigest).toBe(digestOf(one))
  })

  test('others get their turn while 20,000 rows are read', async () => {
    const one = large()
    let done = false
    const began = performance.now()
    const reading = new StateAudit(one.vault).digest().then(() => {
      done = true
    })
    let longest = 0
    let turns = 0
    for (let last = performance.now(); !done; turns++) {
      await new Promise(setImmediate)
      longest = Math.max(longest, performance.now() - last)
      last = performance.now()
    }
    await reading
    console.log(
      `20,000 rows read in ${Math.round(performance.now() - began)} ms, ${turns} turns, the longest wait ${longest.toFixed(1)} ms`,
    )
    expect(turns).toBeGreaterThan(10)
    expect(longest).toBeLessThan(500)
  })
})

test('held operations are listed, page by page', () => {
  const [one, other] = alike()
  const day = 86_400_000
  other.time += day
  write(other, conversation('c1', 'tomorrow', 'UPDATE'), conversation('c2', 'tomorrow', 'UPDATE'))
  other.time -= day
  pull(one, other)
  const { vault, deviceDid } = one
  const cursors = new SyncCursors(vault, vault.logs, vault.space)
  const view = new SyncView({
    vault,
    cursors,
    audit: new StateAudit(vault),
    devices: new Devices({ vault, cursors, deviceDid }),
    didOf: encodeDid,
    contentProblems: async () => [],
    mask: (text) => text,
    releaseHeld: () => {},
  })
  const first = view.holds({ limit: 1 })
  const rest = view.holds({ limit: 1, cursor: first.nextCursor! })
  expect(rest.nextCursor).toBeNull()
  const [a, b] = [...first.items, ...rest.items]
  expect(a).toMatchObject({ deviceDid: other.deviceDid, reason: 'future', tableName: 'Conversation' })
  expect(b!.sequence).toBe(a!.sequence + 1)
  expect(a!.until).toBeGreaterThan(one.time)
  expect(a!.hlcTimestamp! < b!.hlcTimestamp!).toBe(true)
  expect(() => view.holds({ limit: 1, cursor: 'bogus' })).toThrow('cursor')
})
