import { describe, expect, test } from 'vitest'
import { decodeSnapshot, snapshotRoot } from '../../../crdt/snapshot.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { RecoveredItems } from '../../../daemon/vault/recovered-items.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Upkeep } from '../../../daemon/vault/upkeep.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { Conversation } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { meet, session } from '../../support/vault-session.ts'

const DAY = 24 * 3_600_000
const pace = async () => {}

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const verified = async ({ vault }: PairedVault) =>
  (await verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), pace)).problems
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string, title = 'a title'): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title, state: 'ACTIVE', version: 1 },
})
const rename = (key: string, title: string): FactChange => ({
  kind: 'UPDATE',
  entity: 'Conversation',
  key,
  values: { custom_title: title },
})
const remove = (key: string): FactChange => ({ kind: 'DELETE', entity: 'Conversation', key })
const titles = ({ vault }: PairedVault) =>
  Object.fromEntries(
    vault
      .all<{ id: string; title: string }>(
        'SELECT id, ifnull(custom_title, title) AS title FROM conversations WHERE deleted = 0 ORDER BY id',
      )
      .map(({ id, title }) => [id, title]),
  )
const rows = ({ vault }: PairedVault) => vault.all<{ id: string }>('SELECT id FROM conversations ORDER BY id')
const upkeep = (vault: PairedVault) => new Upkeep(vault.vault, vault.deviceDid).run(pace, true)
const recoveredOf = ({ vault }: PairedVault) =>
  new RecoveredItems({
    vault,
    didOf: (device) => Buffer.from(device).toString('hex'),
    show: (columns) => Object.fromEntries([...columns].map(([column, value]) => [column, String(value)])),
    wakeDerivation: () => {},
  })
const later = (vaults: readonly PairedVault[], ms: number) => {
  for (const vault of vaults) vault.time += ms
}
const rootOf = (vault: PairedVault) =>
  Buffer.from(snapshotRoot(decodeSnapshot(vault.replica.makeSnapshot({}).header).header)).toString('hex')

/** Both say what they hold until there is nothing more to do. */
async function settle(a: PairedVault, b: PairedVault): Promise<void> {
  for (let round = 0; round < 6; round++) {
    for (const vault of [a, b]) await upkeep(vault)
    meet(a, b)
  }
}

/** Two devices go on for more than half a year and forget what was deleted; the third one was away. */
async function away(three: readonly PairedVault[]) {
  const [a, b, c] = three as [PairedVault, PairedVault, PairedVault]
  put(a, insert('kept'), insert('gone'), insert('contested'))
  put(c, insert('by c'))
  for (const [x, y] of [
    [a, b],
    [b, c],
    [a, c],
    [a, b],
  ] as const)
    meet(x, y)
  later([a, b], 20 * DAY)
  put(a, remove('gone'))
  meet(a, b)
  later([a, b], 100 * DAY)
  await settle(a, b)
  later([a, b], 100 * DAY)
  put(b, rename('contested', 'written later'))
  meet(a, b)
  await settle(a, b)
  return { a, b, c }
}

describe('snapshots and floors', () => {
  test('a deletion half a year old goes, on all devices that are there, and nowhere before', async () => {
    using three = pairedVaults(3)
    const [a, b] = three.vaults as [PairedVault, PairedVault]
    put(a, insert('kept'), insert('gone'), remove('gone'))
    meet(a, b)
    later([a, b], 120 * DAY)
    await settle(a, b)
    expect(rows(a)).toHaveLength(2)
    later([a, b], 70 * DAY)
    put(b, insert('fresh'))
    meet(a, b)
    await upkeep(a)
    expect(rows(a)).toHaveLength(3)
    await settle(a, b)
    for (const vault of [a, b]) {
      expect(Object.keys(titles(vault))).toEqual(['fresh', 'kept'])
      expect(rows(vault)).toHaveLength(2)
      expect(await verified(vault)).toEqual([])
      vault.reopen()
    }
    expect(digestOf(a)).toBe(digestOf(b))
  })

  test('a device away beyond the floor begins again: nothing resurrects, its own work is applied or shown', async () => {
    using three = pairedVaults(3)
    const { a, b, c } = await away(three.vaults)
    // Offline all the time.
    later([c], 1 * DAY)
    put(
      c,
      rename('gone', 'renamed while away'),
      rename('kept', 'renamed while away'),
      rename('contested', 'lost'),
      insert('new', 'made while away'),
    )
    expect(rows(a).map(({ id }) => id)).not.toContain('gone')
    const oldLog = c.vault.ownLog
    c.time = Math.max(a.time, b.time)
    expect(meet(a, c)).toBe(1)
    expect(c.vault.ownLog).not.toBe(oldLog)
    meet(a, b)
    for (const vault of [a, b, c]) {
      expect(titles(vault)).toEqual({
        'by c': 'a title',
        contested: 'written later',
        kept: 'renamed while away',
      })
      expect(rows(vault)).toHaveLength(3)
      expect(await verified(vault)).toEqual([])
    }
    expect(new Set([a, b, c].map(digestOf)).size).toBe(1)
    const { items } = recoveredOf(c).list({ limit: 50 }, 5)
    expect(items.map(({ recordId }) => recordId).sort()).toEqual(['gone', 'new'])
    // Its owner takes one back and lets the other one go.
    recoveredOf(c).accept({ id: items.find(({ recordId }) => recordId === 'new')!.id })
    recoveredOf(c).dismiss({ id: 'all' })
    expect(recoveredOf(c).list({ limit: 50 }, 5).items).toEqual([])
    expect(() => recoveredOf(c).accept({ id: 'all' })).toThrow(expect.objectContaining({ code: 'NotFound' }))
    meet(c, b)
    meet(a, b)
    expect(titles(a)).toHaveProperty('new', 'made while away')
    expect(new Set([a, b, c].map(digestOf)).size).toBe(1)
    c.reopen()
    expect(await verified(c)).toEqual([])
    // It goes on as one of them.
    put(c, rename('kept', 'and on'))
    meet(c, b)
    expect(titles(b).kept).toBe('and on')
    expect(await verified(b)).toEqual([])
  })

  test('what was erased while it was away is gone there too, and what it erased while away goes everywhere', async () => {
    using three = pairedVaults(3)
    const { a, b, c } = await away(three.vaults)
    a.vault.transact((tx) => a.vault.erase(tx, [{ entity: Conversation, key: 'contested' }]))
    meet(a, b)
    c.vault.transact((tx) => c.vault.erase(tx, [{ entity: Conversation, key: 'by c' }]))
    put(c, rename('contested', 'a secret kept too long'))
    c.time = Math.max(a.time, b.time)
    // Once more, for what they say of having purged.
    for (let round = 0; round < 2; round++)
      for (const [x, y] of [
        [b, c],
        [a, b],
        [b, c],
      ] as const)
        meet(x, y)
    for (const vault of [a, b, c]) {
      expect(titles(vault)).toEqual({ kept: 'a title' })
      expect(await verified(vault)).toEqual([])
    }
    expect(new Set([a, b, c].map(digestOf)).size).toBe(1)
    expect(recoveredOf(c).list({ limit: 50 }, 5).items).toEqual([])
  })

  test('a row that was forgotten and made anew does not keep one from beginning again who saw it deleted', async () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, insert('kept'), insert('gone'), remove('gone'))
    put(c, insert('by c'))
    for (const [x, y] of [
      [a, b],
      [b, c],
      [a, b],
    ] as const)
      meet(x, y)
    later([a, b], 120 * DAY)
    put(a, insert('while c is away'))
    meet(a, b)
    await settle(a, b)
    later([a, b], 100 * DAY)
    put(b, insert('fresh'))
    meet(a, b)
    await settle(a, b)
    expect(rows(a).map(({ id }) => id)).toEqual(['by c', 'fresh', 'kept', 'while c is away'])
    put(b, insert('gone', 'anew'))
    meet(a, b)
    c.time = Math.max(a.time, b.time)
    expect(meet(a, c)).toBe(1)
    for (const vault of [a, b, c]) {
      expect(titles(vault)).toMatchObject({ gone: 'anew', 'while c is away': 'a title' })
      expect(digestOf(vault)).toBe(digestOf(a))
      expect(await verified(vault)).toEqual([])
    }
  })

  test('a row that was made without any value stands in a snapshot', async () => {
    using three = pairedVaults(3)
    const { a, b, c } = await away(three.vaults)
    put(b, { kind: 'INSERT', entity: 'Conversation', key: 'bare', values: {} })
    meet(a, b)
    c.time = Math.max(a.time, b.time)
    expect(meet(a, c)).toBe(1)
    for (const vault of [a, b, c]) {
      expect(rows(vault).map(({ id }) => id)).toContain('bare')
      expect(await verified(vault)).toEqual([])
    }
    expect(digestOf(c)).toBe(digestOf(a))
    c.reopen()
    expect(digestOf(c)).toBe(digestOf(a))
  })

  test('two devices that hold the same make the same snapshot, byte for byte', async () => {
    using three = pairedVaults(3)
    const { a, b } = await away(three.vaults)
    for (let n = 0; n < 300; n++) put(a, { ...insert(`n${n}`), values: { title: 'x'.repeat(5_000) } })
    meet(a, b)
    expect(rootOf(a)).toBe(rootOf(b))
    const chunks = ({ vault }: PairedVault) =>
      vault.all<{ position: number; bytes: Uint8Array }>(
        'SELECT position, bytes FROM snapshot_chunks ORDER BY position',
      )
    expect(chunks(a).length).toBeGreaterThan(5)
    expect(chunks(a)).toEqual(chunks(b))
    for (const { bytes } of chunks(a)) expect(bytes.length).toBeLessThanOrEqual(256 * 1024)
    put(b, rename('n1', 'changed'))
    b.time += DAY
    expect(rootOf(b)).not.toBe(rootOf(a))
  })

  test('a broken stream goes on where it was; a chunk that does not belong to it is refused', async () => {
    using three = pairedVaults(3)
    const { a, b, c } = await away(three.vaults)
    for (let n = 0; n < 300; n++) put(a, { ...insert(`n${n}`), values: { title: 'x'.repeat(5_000) } })
    meet(a, b)
    c.time = Math.max(a.time, b.time)
    const total = decodeSnapshot(a.replica.makeSnapshot({}).header).header.chunks.length
    let chunks = 0
    let rounds = 0
    for (let installed = 0; installed === 0; rounds++) {
      const ended = session(a, c, 14)
      expect(ended.largest).toBeLessThanOrEqual(256 * 1024)
      chunks += ended.chunks
      installed = ended.installed
    }
    expect(rounds).toBeGreaterThan(2)
    expect(chunks).toBeLessThanOrEqual(total + rounds)
    console.log(`${total} chunks came in ${rounds} streams, ${chunks} sent`)
    meet(a, c)
    expect(digestOf(c)).toBe(digestOf(a))

    const { header } = a.replica.makeSnapshot({})
    const { root } = b.replica.beginSnapshot({ header })
    const { bytes } = a.replica.readChunk({ root, position: 0 })
    const bad = new Uint8Array(bytes)
    bad[bad.length - 1]! ^= 1
    expect(() => b.replica.storeChunk({ root, position: 0, bytes: bad })).toThrow(
      expect.objectContaining({ code: 'Corrupt' }),
    )
    expect(() => b.replica.storeChunk({ root, position: 1, bytes })).toThrow(
      expect.objectContaining({ code: 'Corrupt' }),
    )
    const forged = new Uint8Array(header)
    forged[forged.length - 1]! ^= 1
    expect(() => b.replica.beginSnapshot({ header: forged })).toThrow(
      expect.objectContaining({ code: 'Corrupt' }),
    )
  })

  test('a device that had written nothing before it went brings nothing back either', async () => {
    using three = pairedVaults(4)
    const silent = three.vaults[3]!
    const [first] = three.vaults as [PairedVault]
    put(first, insert('early'))
    meet(first, silent)
    const { a, b } = await away(three.vaults)
    silent.time = a.time
    put(silent, insert('gone', 'from the past'), rename('early', 'while away'), insert('new'))
    for (const other of [a, b]) meet(other, silent)
    for (const vault of [a, b, silent]) {
      expect(Object.keys(titles(vault))).toEqual(['by c', 'contested', 'early', 'kept'])
      expect(titles(vault).early).toBe('while away')
      expect(await verified(vault)).toEqual([])
    }
    const { items } = recoveredOf(silent).list({ limit: 50 }, 5)
    expect(items.map(({ recordId }) => recordId)).toEqual(['gone', 'new'])
  })

  test('a new device begins from the snapshot when the past is gone', async () => {
    using three = pairedVaults(4)
    const { a } = await away(three.vaults)
    const fresh = three.vaults[3]!
    fresh.time = a.time
    put(fresh, insert('of the new one'))
    meet(a, fresh)
    expect(digestOf(fresh)).toBe(digestOf(a))
    // It was written on top of a past that this device never had: its owner says.
    expect(recoveredOf(fresh).accept({ id: 'of the new one' })).toEqual({ items: 1 })
    meet(a, fresh)
    expect(titles(a)).toHaveProperty('of the new one')
    expect(await verified(fresh)).toEqual([])
    put(a, rename('kept', 'after'))
    meet(a, fresh)
    expect(digestOf(fresh)).toBe(digestOf(a))
    expect(await verified(fresh)).toEqual([])
  })

  test('between the proposal of a floor and its holding nothing is written to what is about to be forgotten', async () => {
    using pair = pairedVaults(2)
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('kept'), insert('gone'), remove('gone'))
    meet(a, b)
    later([a, b], 100 * DAY)
    await settle(a, b)
    later([a, b], 100 * DAY)
    meet(a, b)
    await upkeep(a)
    expect(() => put(a, { ...remove('gone'), kind: 'UNDELETE' })).toThrow(
      expect.objectContaining({ code: 'Conflict' }),
    )
    put(a, rename('kept', 'as ever'))
    await settle(a, b)
    expect(Object.keys(titles(a))).toEqual(['kept'])
    expect(rows(b)).toHaveLength(1)
    put(a, insert('gone', 'captured again'))
    meet(a, b)
    expect(titles(b)).toEqual({ gone: 'captured again', kept: 'as ever' })
    expect(digestOf(a)).toBe(digestOf(b))
  })
})
