import { describe, expect, test } from 'vitest'
import { describeSnapshot } from '../../../daemon/vault/snapshot-view.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Upkeep } from '../../../daemon/vault/upkeep.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { meet } from '../../support/vault-session.ts'

const YEAR = 365 * 24 * 3_600_000
const put = ({ vault }: PairedVault, ...changes: FactChange[]) => vault.transact((tx) => tx.write(changes))
const insert = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title: `title of ${key}` },
})
const remove = (key: string): FactChange => ({ kind: 'DELETE', entity: 'Conversation', key })
const rename = (key: string): FactChange => ({
  kind: 'UPDATE',
  entity: 'Conversation',
  key,
  values: { title: 'another' },
})
const rows = ({ vault }: PairedVault) => vault.all('SELECT id FROM conversations')
const floors = ({ vault }: PairedVault) => vault.all('SELECT id FROM floors')
const upkeep = (one: PairedVault) => new Upkeep(one.vault, one.deviceDid).run(async () => {}, true)
const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const tellTime = (one: PairedVault, other: PairedVault) => {
  for (const [a, b] of [
    [one, other],
    [other, one],
  ] as const)
    a.replica.seen({ device: b.device, connected: true, time: b.time })
}

describe('a device whose clock is doubted', () => {
  test('forgets nothing, says nothing of what it holds, and lays no floor', async () => {
    using pair = pairedVaults(2, { watched: true })
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('kept'), insert('gone'), remove('gone'), rename('kept'))
    for (let round = 0; round < 2; round++) {
      meet(a, b)
      for (const one of [a, b]) await upkeep(one)
    }
    put(a, rename('kept'))
    meet(a, b)
    const before = digestOf(b)
    // By its clock everybody has been away for a year.
    b.wrongBy = YEAR
    for (let round = 0; round < 2; round++) {
      expect(await upkeep(b)).toMatchObject({ acknowledged: false, dropped: 0 })
      expect(rows(b)).toHaveLength(2)
      expect(floors(b)).toEqual([])
      expect(digestOf(b)).toBe(before)
      tellTime(a, b)
    }
    b.wrongBy = 0
    tellTime(a, b)
    expect(await upkeep(b)).toMatchObject({ acknowledged: true })
  })

  test('makes no snapshot while it keeps back what it wrote', () => {
    using pair = pairedVaults(2, { watched: true })
    const [a, b] = pair.vaults as [PairedVault, PairedVault]
    put(a, insert('kept'))
    meet(a, b)
    expect(b.replica.makeSnapshot({}).header.length).toBeGreaterThan(0)
    b.wrongBy = YEAR
    tellTime(a, b)
    put(b, insert('of another time'))
    expect(b.replica.makeSnapshot({}).header).toHaveLength(0)
    expect(() => describeSnapshot(b.vault, undefined)).toThrow(expect.objectContaining({ code: 'Conflict' }))
    b.wrongBy = 0
    tellTime(a, b)
    b.releaseHeld()
    expect(b.replica.makeSnapshot({}).header.length).toBeGreaterThan(0)
    expect(describeSnapshot(b.vault, undefined).chunks).toBe(1)
  })
})
