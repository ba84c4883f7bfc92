import { describe, expect, test } from 'vitest'
import { decodeSnapshot, snapshotRoot } from '../../../crdt/snapshot.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { RecoveredItems } from '../../../daemon/vault/recovered-items.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { Upkeep } from '../../../daemon/vault/upkeep.ts'
import type { AddingChange, FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { NotebookEntry } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { meet } from '../../support/vault-session.ts'

const DAY = 24 * 3_600_000
const pace = async () => {}
const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const verified = async ({ vault }: PairedVault) =>
  (await verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), pace)).problems
const put = ({ vault }: PairedVault, ...changes: (FactChange | AddingChange)[]) =>
  vault.transact((tx) => tx.write(changes))
const entry = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'NotebookEntry',
  key,
  values: { notebook_id: 'n1', title: 'Tea' },
})
const remove = (key: string): FactChange => ({ kind: 'DELETE', entity: 'NotebookEntry', key })
const edit = (key: string, at: number, gone: number, insert: string): AddingChange => ({
  kind: 'TEXT',
  entity: 'NotebookEntry',
  key,
  edits: { body: [{ at, delete: gone, insert }] },
})
const count = (key: string, by: number): AddingChange => ({
  kind: 'COUNTER',
  entity: 'NotebookEntry',
  key,
  amounts: { tally: by },
})
const shown = ({ vault }: PairedVault, key: string) =>
  vault.get<{ body: string | null; tally: number | null; deleted: number }>(
    'SELECT body, tally, deleted FROM notebook_entries WHERE id = ?',
    [key],
  )
const tables = ({ vault }: PairedVault, key: string) =>
  ['text_updates', 'text_documents', 'counter_cells', 'snapshot_changes'].map(
    (table) => vault.all(`SELECT 1 FROM ${table} WHERE key = ?`, [key]).length,
  )
const rootOf = (vault: PairedVault) =>
  Buffer.from(snapshotRoot(decodeSnapshot(vault.replica.makeSnapshot({}).header).header)).toString('hex')

async function settle(a: PairedVault, b: PairedVault): Promise<void> {
  for (let round = 0; round < 6; round++) {
    for (const { vault, deviceDid } of [a, b]) await new Upkeep(vault, deviceDid).run(pace, true)
    meet(a, b)
  }
}

/** Two devices let half a year go by; the third one was away, and had part in two notes. */
async function away(three: readonly PairedVault[]) {
  const [a, b, c] = three as [PairedVault, PairedVault, PairedVault]
  put(a, entry('kept'), edit('kept', 0, 0, 'green tea'), count('kept', 2))
  put(a, entry('gone'), edit('gone', 0, 0, 'old news'), count('gone', 1))
  for (const [x, y] of [
    [a, b],
    [b, c],
  ] as const)
    meet(x, y)
  put(c, edit('kept', 9, 0, ', hot'), count('kept', 5))
  for (const [x, y] of [
    [b, c],
    [a, b],
  ] as const)
    meet(x, y)
  for (const vault of [a, b]) vault.time += 20 * DAY
  put(a, remove('gone'))
  put(b, edit('kept', 0, 5, 'black'), count('kept', 10))
  meet(a, b)
  for (const days of [100, 100]) {
    for (const vault of [a, b]) vault.time += days * DAY
    put(a, entry(`fresh${days}`))
    meet(a, b)
    await settle(a, b)
  }
  return { a, b, c }
}

describe('texts and counters beyond a floor', () => {
  test('what is forgotten leaves no update and no cell', async () => {
    using three = pairedVaults(3)
    const { a, b } = await away(three.vaults)
    for (const vault of [a, b]) {
      expect(shown(vault, 'gone')).toBeUndefined()
      expect(tables(vault, 'gone')).toEqual([0, 0, 0, 0])
      expect(shown(vault, 'kept')).toMatchObject({ body: 'black tea, hot', tally: 17 })
      expect(await verified(vault)).toEqual([])
    }
    expect(digestOf(a)).toBe(digestOf(b))
    expect(rootOf(a)).toBe(rootOf(b))
  })

  test('a device that was away begins again with the notes: its own edits and counts are in them', async () => {
    using three = pairedVaults(3)
    const { a, b, c } = await away(three.vaults)
    put(c, edit('kept', 14, 0, ' and sweet'), edit('kept', 0, 0, 'My '), count('kept', 100))
    put(c, edit('gone', 8, 0, ', edited'), count('gone', 3))
    put(c, entry('new'), edit('new', 0, 0, 'written while away'), count('new', 4))
    expect(shown(c, 'kept')?.body).toBe('My green tea, hot and sweet')
    c.time = Math.max(a.time, b.time)
    expect(meet(a, c)).toBe(1)
    for (const other of [b, c]) meet(a, other)
    for (const vault of [a, b, c]) {
      expect(shown(vault, 'kept')).toMatchObject({ body: 'My black tea, hot and sweet', tally: 117 })
      expect(shown(vault, 'gone')).toBeUndefined()
      expect(await verified(vault)).toEqual([])
    }
    expect(new Set([a, b, c].map(digestOf)).size).toBe(1)
    const items = new RecoveredItems({
      vault: c.vault,
      didOf: (device) => Buffer.from(device).toString('hex'),
      show: (columns) => Object.fromEntries([...columns].map(([column, value]) => [column, String(value)])),
      wakeDerivation: () => {},
    })
    const list = items.list({ limit: 50 }, 5).items
    expect(list.map(({ recordId, payload }) => [recordId, payload?.['4']])).toEqual([
      ['gone', 'old news, edited'],
      ['new', 'written while away'],
    ])
    items.accept({ id: list[1]!.id })
    expect(shown(c, 'new')).toMatchObject({ body: 'written while away', tally: 4 })
    meet(a, c)
    expect(shown(a, 'new')).toMatchObject({ body: 'written while away', tally: 4 })
    // It edits on what came with the snapshot, and what others write on it comes in.
    put(c, edit('kept', 0, 3, ''), count('kept', -7))
    put(a, edit('kept', 0, 0, 'The best '))
    meet(a, c)
    for (const vault of [a, c]) {
      expect(shown(vault, 'kept')).toMatchObject({ body: 'The best black tea, hot and sweet', tally: 110 })
      expect(await verified(vault)).toEqual([])
    }
    expect(digestOf(a)).toBe(digestOf(c))
    c.reopen()
    // A row that was damaged is made again from the snapshot and the log.
    c.vault.run("UPDATE notebook_entries SET body = 'x' WHERE id = 'kept'")
    c.vault.run("DELETE FROM text_documents WHERE key = 'kept'")
    c.vault.run("DELETE FROM text_updates WHERE key = 'kept'")
    expect(await verified(c)).not.toEqual([])
    const found = await c.vault.remaker.find([{ table: NotebookEntry.number, key: 'kept' }], pace)
    c.vault.remakeRows(found, () => {})
    expect(await verified(c)).toEqual([])
    expect(digestOf(a)).toBe(digestOf(c))
    for (const vault of [a, c]) vault.time += DAY
    expect(rootOf(a)).toBe(rootOf(c))
  })

  test('erased after a snapshot: no byte of the note is left', async () => {
    using three = pairedVaults(3)
    const { a, b, c } = await away(three.vaults)
    c.time = Math.max(a.time, b.time)
    meet(a, c)
    expect(tables(c, 'kept').every((rows) => rows > 0)).toBe(true)
    b.vault.transact((tx) => b.vault.erase(tx, [{ entity: NotebookEntry, key: 'kept' }]))
    // Once more, for what they say of having purged.
    for (const other of [b, c, b, c]) meet(a, other)
    for (const vault of [a, b, c]) {
      expect(tables(vault, 'kept')).toEqual([0, 0, 0, 0])
      expect(await verified(vault)).toEqual([])
    }
    expect(new Set([a, b, c].map(digestOf)).size).toBe(1)
  })
})
