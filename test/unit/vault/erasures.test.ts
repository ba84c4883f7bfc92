import { describe, expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { encodeDid } from '../../../daemon/identity/did.ts'
import { rowsOfConversation } from '../../../daemon/vault/conversation-rows.ts'
import { Devices } from '../../../daemon/vault/devices.ts'
import { StateAudit } from '../../../daemon/vault/state-audit.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { SyncCursors } from '../../../daemon/vault/sync-cursors.ts'
import { SyncView } from '../../../daemon/vault/sync-methods.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { byteSearch } from '../../support/byte-search.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const keys = (count: number) => Array.from({ length: count }, (_, n) => `c${n}`)
const write = ({ vault }: PairedVault, count: number) =>
  vault.transact((tx) =>
    tx.write(
      keys(count).map((key) => ({
        kind: 'INSERT' as const,
        entity: 'Conversation' as const,
        key,
        values: { title: `canary of ${key}`, state: 'ACTIVE', version: 1 },
      })),
    ),
  )
const erase = ({ vault }: PairedVault, names: readonly string[]) => {
  vault.transact((tx) =>
    vault.erase(
      tx,
      names.flatMap((key) => rowsOfConversation(tx, vault.space, key)),
    ),
  )
  vault.purge()
}
const view = (paired: PairedVault) => {
  const { vault, deviceDid } = paired
  const cursors = new SyncCursors(vault, vault.logs, vault.space)
  return new SyncView({
    vault,
    cursors,
    audit: new StateAudit(vault),
    devices: new Devices({ vault, cursors, deviceDid }),
    didOf: encodeDid,
    contentProblems: async () => [],
    mask: (text) => text,
    releaseHeld: () => paired.releaseHeld(),
  })
}
const goneFrom = (paired: PairedVault) =>
  view(paired)
    .erasures({ limit: 20 })
    .items.map(({ devices }) => devices.filter(({ purged }) => purged).map(({ deviceDid }) => deviceDid))
const rows = ({ vault }: PairedVault) =>
  vault.get<{ live: number; hidden: number }>(
    'SELECT sum(deleted = 0) AS live, sum(deleted = 1) AS hidden FROM conversations',
  )
const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const problems = async ({ vault }: PairedVault) =>
  (await verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), async () => {})).problems
const all = (...vaults: PairedVault[]) => {
  for (let round = 0; round < 3; round++)
    for (const to of vaults) for (const from of vaults) if (to !== from) pull(to, from)
}

describe('what is erased for good', () => {
  test('every device says when no byte is left on it, and all others can tell', () => {
    using trio = pairedVaults(3)
    const [a, b, c] = trio.vaults as [PairedVault, PairedVault, PairedVault]
    write(a, 3)
    all(a, b, c)
    erase(a, ['c1'])
    expect(goneFrom(a)).toEqual([[a.deviceDid]])
    all(a, b)
    expect(new Set(goneFrom(a)[0])).toEqual(new Set([a.deviceDid, b.deviceDid]))
    const [item] = view(b).erasures({ limit: 20 }).items
    expect(item).toMatchObject({ deviceDid: a.deviceDid, rows: 1, conversations: 1, waitsUntil: null })
    expect(byteSearch(b.folder, 'canary of c1')).toEqual([])
    all(a, b, c)
    for (const vault of [a, b, c]) {
      expect(new Set(goneFrom(vault)[0])).toEqual(new Set(trio.vaults.map(({ deviceDid }) => deviceDid)))
      expect(digestOf(vault)).toBe(digestOf(a))
    }
  })

  test('a device alone writes nothing about it', () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    write(a, 1)
    erase(a, ['c0'])
    expect(a.vault.all('SELECT * FROM devices')).toEqual([])
  })
})

describe('more erased at once than a person erases by hand', () => {
  const emptied = (count: number, erased: number) => {
    const trio = pairedVaults(3)
    const [a, b, c] = trio.vaults as [PairedVault, PairedVault, PairedVault]
    write(a, count)
    all(a, b, c)
    erase(a, keys(erased))
    return { trio, a, b, c }
  }

  test.each([
    [1_000, 101, true],
    [1_000, 100, false],
    [50, 11, true],
    [50, 10, false],
    [8, 8, false],
  ])('of %i conversations %i: held back %s', (count, erased, held) => {
    const { trio, b, a } = emptied(count, erased)
    using _ = trio
    pull(b, a)
    expect(rows(b)).toEqual(
      held
        ? { live: count - erased, hidden: erased }
        : { live: count - erased || null, hidden: count - erased ? 0 : null },
    )
    expect(b.vault.held.count()).toBe(held ? erased : 0)
  })

  test('is in the trash elsewhere, verifies, and can be read until 24 hours have passed', async () => {
    const { trio, a, b } = emptied(200, 150)
    using _ = trio
    pull(b, a)
    expect(b.vault.get("SELECT title FROM conversations WHERE id = 'c0'")).toEqual({ title: 'canary of c0' })
    expect(await problems(b)).toEqual([])
    const [item] = view(b).erasures({ limit: 20 }).items
    expect(item!.waitsUntil).toBeGreaterThan(b.time + LIMITS.massErasureHoldMs - 60_000)
    b.reopen()
    for (const vault of [a, b]) vault.time += LIMITS.massErasureHoldMs + 1
    b.releaseHeld()
    expect(rows(b)).toEqual({ live: 50, hidden: 0 })
    all(a, b)
    expect(digestOf(b)).toBe(digestOf(a))
    expect(await problems(b)).toEqual([])
    expect(byteSearch(b.folder, 'canary of c149')).toEqual([])
  })

  test('goes once another device confirms it, everywhere; the eraser itself cannot', async () => {
    const { trio, a, b, c } = emptied(200, 150)
    using _ = trio
    pull(b, a)
    a.vault.transact((tx) =>
      tx.write([
        {
          kind: 'UPDATE',
          entity: 'Device',
          key: a.deviceDid,
          values: { erasures_confirmed: a.time + 10_000 },
        },
      ]),
    )
    all(a, b)
    b.releaseHeld()
    expect(rows(b)).toEqual({ live: 50, hidden: 150 })
    const { id } = view(b)
      .erasures({ limit: 20 })
      .items.find(({ waitsUntil }) => waitsUntil !== null)!
    expect(view(b).confirmErasures({ id }).rows).toBe(150)
    expect(rows(b)).toEqual({ live: 50, hidden: 0 })
    expect(() => view(b).confirmErasures({ id })).toThrow('does not wait')
    all(a, b, c)
    c.releaseHeld()
    all(a, b, c)
    for (const vault of [b, c]) {
      expect(rows(vault)).toEqual({ live: 50, hidden: 0 })
      expect(digestOf(vault)).toBe(digestOf(a))
      expect(await problems(vault)).toEqual([])
    }
  })
})
