import { describe, expect, test } from 'vitest'
import { privateSpaceId } from '../../../crdt/space.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import type { AddingChange, FactChange } from '../../../daemon/vault/vault.ts'
import { verifySpace } from '../../../daemon/vault/verify.ts'
import { NotebookEntry } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const problemsOf = async ({ vault }: PairedVault) =>
  (await verifySpace(vault, vault.logs, vault.space, privateSpaceId(vault.did), async () => {})).problems
const put = ({ vault }: PairedVault, ...changes: (FactChange | AddingChange)[]) =>
  vault.transact((tx) => tx.write(changes))
const entry = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'NotebookEntry',
  key,
  values: { notebook_id: 'n1', title: 'Tea' },
})
const edit = (at: number, gone: number, insert: string, key = 'e1'): AddingChange => ({
  kind: 'TEXT',
  entity: 'NotebookEntry',
  key,
  edits: { body: [{ at, delete: gone, insert }] },
})
const count = (by: number, key = 'e1'): AddingChange => ({
  kind: 'COUNTER',
  entity: 'NotebookEntry',
  key,
  amounts: { tally: by },
})
const shown = ({ vault }: PairedVault, key = 'e1') =>
  vault.get<{ body: string | null; tally: number | null }>(
    'SELECT body, tally FROM notebook_entries WHERE id = ?',
    [key],
  )

function exchange(vaults: readonly PairedVault[]): void {
  for (let round = 0; round < 2; round++)
    for (const to of vaults) for (const from of vaults) if (to !== from) pull(to, from)
}

describe('texts and counters', () => {
  test('two devices edit one note while apart: both edits stay, and both counts', async () => {
    using two = pairedVaults(2)
    const [a, b] = two.vaults as [PairedVault, PairedVault]
    put(a, entry('e1'), edit(0, 0, 'green tea'), count(2))
    exchange([a, b])
    expect(shown(b)).toEqual({ body: 'green tea', tally: 2 })
    put(a, edit(0, 5, 'black'), count(3))
    put(b, edit(9, 0, ', no milk'), count(-1))
    exchange([a, b])
    for (const device of [a, b]) {
      expect(shown(device)).toEqual({ body: 'black tea, no milk', tally: 4 })
      expect(await problemsOf(device)).toEqual([])
    }
    expect(digestOf(a)).toBe(digestOf(b))
    a.reopen()
    put(a, edit(0, 0, 'My '), count(1))
    exchange([a, b])
    expect(shown(b)).toEqual({ body: 'My black tea, no milk', tally: 5 })
    expect(digestOf(a)).toBe(digestOf(b))
    expect(await problemsOf(a)).toEqual([])
  })

  test('an edit that comes before what it builds on waits for it', async () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a, entry('e1'), edit(0, 0, 'one'))
    pull(b, a)
    put(b, edit(3, 0, ' two'))
    const onlyB = (to: PairedVault) => {
      const head = b.replica.frontier({}).find(({ device }) => Buffer.compare(device, b.device) === 0)!
      to.replica.apply(b.replica.read({ log: { ...head, sequence: 1 }, maxBytes: 1e6 }))
    }
    onlyB(c)
    expect(shown(c)?.body).toBe('')
    expect(await problemsOf(c)).toEqual([])
    c.reopen()
    pull(c, a)
    exchange([a, b, c])
    for (const device of [a, b, c]) expect(shown(device)?.body).toBe('one two')
    expect(new Set([a, b, c].map(digestOf)).size).toBe(1)
  })

  test('erasing takes the text, its updates and its counts along', async () => {
    using two = pairedVaults(2)
    const [a, b] = two.vaults as [PairedVault, PairedVault]
    put(a, entry('e1'), edit(0, 0, 'secret recipe'), count(1))
    exchange([a, b])
    a.vault.transact((tx) => a.vault.erase(tx, [{ entity: NotebookEntry, key: 'e1' }]))
    put(b, edit(0, 0, 'more of the '))
    exchange([a, b])
    for (const device of [a, b]) {
      expect(shown(device)).toBeUndefined()
      for (const table of ['text_updates', 'text_documents', 'counter_cells'])
        expect(device.vault.all(`SELECT * FROM ${table}`)).toEqual([])
      expect(await problemsOf(device)).toEqual([])
    }
    expect(digestOf(a)).toBe(digestOf(b))
  })

  test('a text that is not the fold of its updates is a problem that verify names', async () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    put(a, entry('e1'), edit(0, 0, 'tea'), count(1))
    a.vault.run("UPDATE notebook_entries SET body = 'coffee'")
    expect(await problemsOf(a)).toHaveLength(1)
    a.vault.run("UPDATE notebook_entries SET body = 'tea', tally = 7")
    expect(await problemsOf(a)).toHaveLength(1)
    a.vault.run('UPDATE notebook_entries SET tally = 1')
    expect(await problemsOf(a)).toEqual([])
    a.vault.run('DELETE FROM text_updates')
    expect(await problemsOf(a)).toHaveLength(1)
  })

  test('a text far larger than an operation is written and edited', () => {
    using two = pairedVaults(2)
    const [a, b] = two.vaults as [PairedVault, PairedVault]
    const long = '茶🍵 '.repeat(50_000)
    put(a, entry('e1'), edit(0, 0, long))
    put(a, edit(0, 150_000, ''))
    exchange([a, b])
    expect(shown(b)?.body).toBe(long.slice(150_000))
    expect(digestOf(a)).toBe(digestOf(b))
  })
})
