import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { TEXT_SESSION_BYTES } from '../../../crdt/text.ts'
import { type OpenVault, openVault } from '../../../daemon/vault/open-vault.ts'
import type { AddingChange, FactChange } from '../../../daemon/vault/vault.ts'
import { clone, expectAlike, pullAll } from '../../support/forked-vaults.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'

const put = (vault: OpenVault, ...changes: (FactChange | AddingChange)[]) =>
  vault.transact((tx) => tx.write(changes))
const entry: FactChange = {
  kind: 'INSERT',
  entity: 'NotebookEntry',
  key: 'e1',
  values: { notebook_id: 'n1' },
}
const edit = (at: number, gone: number, insert: string): AddingChange => ({
  kind: 'TEXT',
  entity: 'NotebookEntry',
  key: 'e1',
  edits: { body: [{ at, delete: gone, insert }] },
})
const count = (by: number): AddingChange => ({
  kind: 'COUNTER',
  entity: 'NotebookEntry',
  key: 'e1',
  amounts: { tally: by },
})
const shown = (vault: OpenVault) =>
  vault.get<{ body: string; tally: number }>('SELECT body, tally FROM notebook_entries WHERE id = ?', ['e1'])

/** The first editing session asked for is this one, as in two copies of a machine that was running. */
function sameSession(): (bytes: number) => Uint8Array {
  let asked = false
  return (bytes) => {
    if (asked || bytes !== TEXT_SESSION_BYTES) return new Uint8Array(randomBytes(bytes))
    asked = true
    return new Uint8Array(bytes).fill(9)
  }
}

describe('texts and counters of a log that two copies wrote apart', () => {
  test.each([
    ['with a first count before the fork', 1],
    ['with nothing before the fork', 0],
  ])('%s: every edit is in the note and every count in the sum', async (_, before) => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a.vault, entry)
    if (before > 0) put(a.vault, edit(0, 0, 'tea'), count(3))
    pullAll(c.vault, a.vault)
    const copy = clone(a)
    put(a.vault, count(2), edit(0, 0, 'green '), count(10))
    put(copy.vault, edit(before * 3, 0, ', no milk'), count(100), count(400))
    pullAll(b.vault, a.vault)
    pullAll(c.vault, copy.vault)
    const all = [b.vault, c.vault, a.vault, copy.vault]
    await expectAlike(all)
    const expected = { body: before > 0 ? 'green tea, no milk' : expect.any(String), tally: 512 + before * 3 }
    for (const vault of all) expect(shown(vault)).toEqual(expected)
    if (before === 0) expect(shown(a.vault)!.body).toHaveLength('green , no milk'.length)
    put(a.vault, count(1000), edit(0, 0, 'My '))
    put(copy.vault, count(-1), edit(0, 0, 'Our '))
    await expectAlike(all)
    for (const vault of all) expect(shown(vault)!.tally).toBe(1511 + before * 3)
    copy.close()
  })

  test('under one editing session: whichever branch comes first, the same updates count everywhere', async () => {
    using three = pairedVaults(3)
    const [a, b, c] = three.vaults as [PairedVault, PairedVault, PairedVault]
    put(a.vault, entry)
    a.vault.close()
    const first = openVault({ ...a.options, path: a.path, random: sameSession() })
    put(first, edit(0, 0, 'tea'))
    first.close()
    a.reopen()
    const copy = clone(a, sameSession())
    a.vault.close()
    const again = openVault({ ...a.options, path: a.path, random: sameSession() })
    for (const vault of [b.vault, c.vault]) pullAll(vault, again)
    put(again, edit(0, 0, 'green '))
    put(copy.vault, edit(0, 0, 'hot '), edit(7, 0, ', please'))
    put(again, edit(0, 0, 'My '))
    pullAll(b.vault, again)
    pullAll(c.vault, copy.vault)
    const all = [b.vault, c.vault, again, copy.vault]
    await expectAlike(all)
    expect(new Set(all.map((vault) => JSON.stringify(shown(vault)))).size).toBe(1)
    expect(shown(b.vault)!.body).toContain('tea')
    for (const vault of all)
      expect(vault.all('SELECT 1 FROM text_updates WHERE clock IS NULL').length).toBeGreaterThan(0)
    copy.close()
    again.close()
    a.reopen()
  })
})
