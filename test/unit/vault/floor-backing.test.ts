import { describe, expect, test } from 'vitest'
import { encodeFloorTerms } from '../../../crdt/floor.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Upkeep } from '../../../daemon/vault/upkeep.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'
import { meet, session } from '../../support/vault-session.ts'

const DAY = 24 * 3_600_000
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title: `title of ${key}`, state: 'ACTIVE', version: 1 },
})
const keys = ({ vault }: PairedVault) =>
  vault.all<{ id: string }>('SELECT id FROM conversations WHERE deleted = 0 ORDER BY id').map(({ id }) => id)
const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const upkeep = (vault: PairedVault) => new Upkeep(vault.vault, vault.deviceDid).run(async () => {}, true)
const later = (vaults: readonly PairedVault[], ms: number) => {
  for (const vault of vaults) vault.time += ms
}

/** What a thief does to the file of the device they have: floors at every head. */
function makeUpFloors({ vault }: PairedVault, closed: boolean): void {
  for (const { ref, head_seq, head_hash } of vault.logs.list(vault.space))
    if (head_seq > 0)
      vault.run(
        'INSERT OR REPLACE INTO floor_positions (log, seq, hash, closed, holds, kept) VALUES (?, ?, ?, ?, 1, 1)',
        [ref, head_seq, head_hash, Number(closed)],
      )
}

/** Hands a snapshot over, and begins again from it. */
function beginAgain(to: PairedVault, from: PairedVault): void {
  const { header } = from.replica.makeSnapshot({})
  const begun = to.replica.beginSnapshot({ header })
  for (let next = begun.next; next < begun.total; )
    next = to.replica.storeChunk({
      root: begun.root,
      position: next,
      bytes: from.replica.readChunk({ root: begun.root, position: next }).bytes,
    }).next
  to.replica.installSnapshot({ root: begun.root })
}

const forbidden = expect.objectContaining({ code: 'Forbidden' })

describe('floors that nothing speaks for', () => {
  test.each([
    ['closed', true],
    ['open', false],
  ])('a stolen device with an empty file and made-up floors, %s, empties no other one', (_, closed) => {
    using three = pairedVaults(3)
    const [a, b, x] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(b, ...Array.from({ length: 300 }, (_, n) => insert(`c${n}`)))
    meet(a, b)
    meet(x, b)
    meet(a, x)
    put(x, insert('of the thief'))
    x.vault.run('DELETE FROM conversations')
    makeUpFloors(x, closed)
    put(b, insert('latest'))
    for (let round = 0; round < 3; round++) {
      expect(session(b, x).installed).toBe(0)
      expect(session(a, x).installed).toBe(0)
    }
    meet(a, b)
    for (const honest of [a, b]) expect(keys(honest)).toHaveLength(301)
    expect(digestOf(a)).toBe(digestOf(b))
  })

  test('a device that was away for long takes no snapshot that lacks, changes or adds what it can check', () => {
    using three = pairedVaults(3)
    const [a, c, x] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(c, insert('old'), insert('other'))
    for (const [one, two] of [
      [a, c],
      [c, x],
      [a, x],
    ] as const)
      meet(one, two)
    later([a, c, x], 100 * DAY)
    const file = (sql: string) => {
      x.vault.run(sql)
      x.vault.run('DELETE FROM snapshots')
    }
    file("UPDATE conversations SET title = 'another' WHERE id = 'old'")
    expect(() => beginAgain(c, x)).toThrow(forbidden)
    file("UPDATE conversations SET title = 'title of old' WHERE id = 'old'")
    file("UPDATE conversations SET deleted = 1 WHERE id = 'old'")
    expect(keys(c)).toEqual(['old', 'other'])
    file("DELETE FROM conversations WHERE id = 'old'")
    expect(() => beginAgain(c, x)).toThrow(forbidden)
    expect(keys(c)).toEqual(['old', 'other'])
    // Older than half a year it may have been deleted and forgotten.
    later([a, c, x], 100 * DAY)
    beginAgain(c, x)
    expect(keys(c)).toEqual(['other'])
  })

  test('a floor that leaves out a device which wrote lately is kept to by nobody, and ends no log', async () => {
    using three = pairedVaults(3)
    const [a, b, x] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, insert('kept'), insert('gone'), { kind: 'DELETE', entity: 'Conversation', key: 'gone' })
    for (const [one, two] of [
      [a, b],
      [b, x],
      [a, x],
    ] as const)
      meet(one, two)
    const positions = x.vault.logs
      .list(x.vault.space)
      .filter(({ head_seq }) => head_seq > 0)
      .map(({ device, incarnation, head_seq: sequence, head_hash: hash }) => {
        return { device, incarnation, sequence, hash, closed: device !== x.device }
      })
    const key = '00000001-ffffffffffffffff'
    const terms = encodeFloorTerms({ positions, devices: [x.device] })
    put(
      x,
      { kind: 'INSERT', entity: 'Floor', key, values: { terms, before: x.time } },
      { kind: 'UPDATE', entity: 'Device', key: x.deviceDid, values: { floor: key } },
    )
    // Nor does it speak for the others.
    const all = encodeFloorTerms({ positions, devices: [a, b, x].map(({ device }) => device) })
    put(
      x,
      {
        kind: 'INSERT',
        entity: 'Floor',
        key: '00000002-ffffffffffffffff',
        values: { terms: all, before: x.time },
      },
      ...[a, b, x].map(
        ({ deviceDid }): FactChange => ({
          kind: 'UPDATE',
          entity: 'Device',
          key: deviceDid,
          values: { floor: '00000002-ffffffffffffffff' },
        }),
      ),
    )
    for (let round = 0; round < 3; round++) {
      for (const honest of [a, b]) {
        pull(honest, x)
        await upkeep(honest)
      }
      put(a, insert(`after ${round}`))
      meet(a, b)
    }
    for (const honest of [a, b]) {
      expect(keys(honest)).toEqual(['after 0', 'after 1', 'after 2', 'kept'])
      expect(honest.vault.appliedFloor).toBe('')
      expect(honest.vault.get('SELECT 1 FROM floor_positions')).toBeUndefined()
      // What was deleted is not forgotten before its time.
      expect(honest.vault.get("SELECT 1 FROM conversations WHERE id = 'gone'")).toBeDefined()
    }
  })

  test('a device that waits for a floor to hold takes no new log of one that comes back', async () => {
    using three = pairedVaults(3)
    const [a, b, silent] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, insert('kept'), insert('gone'))
    for (const other of [b, silent]) meet(a, other)
    later([a, b], 10 * DAY)
    put(a, { kind: 'DELETE', entity: 'Conversation', key: 'gone' })
    for (let month = 0; month < 5; month++) {
      later([a, b], 33 * DAY)
      put(a, insert(`month ${month}`))
      meet(a, b)
      for (const vault of [a, b]) await upkeep(vault)
      meet(a, b)
    }
    later([a, b], 33 * DAY)
    meet(a, b)
    await upkeep(a)
    meet(a, b)
    await upkeep(b)
    // B has let go of what was deleted; A has not heard that B keeps to the floor.
    expect([a, b].map(({ vault }) => vault.appliedFloor === '')).toEqual([true, false])
    silent.time = a.time
    put(silent, { kind: 'UPDATE', entity: 'Conversation', key: 'gone', values: { custom_title: 'back' } })
    expect(pull(a, silent)).toBe(0)
    meet(a, b)
    await upkeep(a)
    expect(a.vault.appliedFloor).toBe(b.vault.appliedFloor)
    for (let round = 0; round < 2; round++) {
      meet(a, b)
      meet(b, silent)
      meet(a, silent)
    }
    for (const vault of [a, b, silent]) {
      expect(keys(vault)).not.toContain('gone')
      expect(digestOf(vault)).toBe(digestOf(a))
    }
  })

  test('an operation that waits at the beginning of a log spoils no snapshot', () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, insert('kept'))
    meet(a, b)
    // Its first operation is ahead of time on the others, the second is not.
    c.time += DAY
    put(c, insert('ahead'))
    meet(b, c)
    const log = b.vault.logs.find(
      b.vault.space,
      c.vault.logs.list(c.vault.space).find((own) => own.ref === c.vault.ownLog)!,
    )!
    expect(b.vault.held.count()).toBe(1)
    expect(log.head_seq).toBe(1)
    beginAgain(a, b)
    meet(a, b)
    later([a, b], 2 * DAY)
    for (const vault of [a, b]) vault.releaseHeld()
    for (const vault of [a, b]) expect(keys(vault)).toEqual(['ahead', 'kept'])
    expect(digestOf(a)).toBe(digestOf(b))
  })
})

test('two that were each alone for long end nothing of the other, and are one again when they meet', async () => {
  using two = pairedVaults(2)
  const [a, b] = two.vaults as [PairedVault, PairedVault]
  put(a, insert('kept'), insert('gone'), { kind: 'DELETE', entity: 'Conversation', key: 'gone' })
  meet(a, b)
  for (const vault of [a, b]) await upkeep(vault)
  meet(a, b)
  for (const [n, vault] of [a, b, a, b].entries()) {
    later([a, b], 60 * DAY)
    put(vault, insert(`c${n}`))
    await upkeep(vault)
  }
  for (const { vault } of [a, b]) {
    expect(vault.appliedFloor).toBe('')
    expect(vault.all('SELECT 1 FROM floors')).toEqual([])
  }
  meet(a, b)
  for (const vault of [a, b]) expect(keys(vault)).toEqual(['c0', 'c1', 'c2', 'c3', 'kept'])
  expect(digestOf(a)).toBe(digestOf(b))
  // Together they forget.
  for (let round = 0; round < 4; round++) {
    for (const vault of [a, b]) await upkeep(vault)
    meet(a, b)
  }
  for (const { vault } of [a, b]) expect(vault.appliedFloor).not.toBe('')
  expect(digestOf(a)).toBe(digestOf(b))
})
