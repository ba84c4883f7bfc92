import { describe, expect, test } from 'vitest'
import { decodeSnapshot } from '../../../crdt/snapshot.ts'
import type { OpenVault } from '../../../daemon/vault/open-vault.ts'
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
const insert = (key: string): FactChange => ({
  kind: 'INSERT',
  entity: 'Conversation',
  key,
  values: { title: key },
})
const edit = (at: number, text: string): AddingChange => ({
  kind: 'TEXT',
  entity: 'NotebookEntry',
  key: 'e1',
  edits: { body: [{ at, delete: 0, insert: text }] },
})
const count = (by: number): AddingChange => ({
  kind: 'COUNTER',
  entity: 'NotebookEntry',
  key: 'e1',
  amounts: { tally: by },
})
const shown = (vault: OpenVault) =>
  vault.get<{ body: string; tally: number }>('SELECT body, tally FROM notebook_entries WHERE id = ?', ['e1'])

/** As a device does that is below a floor: begins again from what the other one has. */
function beginFrom(to: PairedVault, from: PairedVault): void {
  const { header } = from.replica.makeSnapshot({})
  const { root, total } = to.replica.beginSnapshot({ header })
  for (let position = 0; position < total; position++)
    to.replica.storeChunk({ root, position, ...from.replica.readChunk({ root, position }) })
  to.replica.installSnapshot({ root })
}

/** What a copy of a device wrote before it heard of the other one, in two parts. */
function writtenApart(before: number) {
  const devices = pairedVaults(4)
  const [a, b, c, d] = devices.vaults as [PairedVault, PairedVault, PairedVault, PairedVault]
  if (before > 0) put(a.vault, entry, edit(0, 'tea'), count(3))
  const copy = clone(a)
  const third = clone(a)
  put(a.vault, ...(before > 0 ? [] : [entry]), count(2), edit(0, 'green '))
  put(copy.vault, ...(before > 0 ? [] : [entry]), count(100), edit(before, ', no milk'))
  pullAll(b.vault, a.vault)
  pullAll(b.vault, copy.vault)
  return { devices, a, b, c, d, copy, third }
}

describe('a snapshot of a log that was written apart', () => {
  test.each([
    ['with a beginning that is shared', 3],
    ['from the first operation on', 0],
  ])('%s: a new device goes on with each branch', async (_, before) => {
    const { devices, a, b, c, d, copy, third } = writtenApart(before)
    using _devices = devices
    beginFrom(d, b)
    expect(shown(d.vault)).toEqual(shown(b.vault))
    // Neither has heard of the other: both go on in their branch.
    put(a.vault, count(20), edit(0, 'hot '), insert('in the first'))
    put(copy.vault, count(1000), edit(0, 'more '), insert('in the copy'))
    pullAll(d.vault, a.vault)
    pullAll(d.vault, copy.vault)
    const sum = (before > 0 ? 3 : 0) + 2 + 100 + 20 + 1000
    await expectAlike([b.vault, d.vault])
    expect(shown(d.vault)!.tally).toBe(2 + 100 + (before > 0 ? 3 : 0) + 20 + 1000)
    await expectAlike([a.vault, b.vault, d.vault, copy.vault])
    for (const { vault } of [a, b, d]) {
      expect(shown(vault)!.tally).toBe(sum)
      for (const word of ['hot ', 'green ', 'more ', ', no milk']) expect(shown(vault)!.body).toContain(word)
    }
    d.reopen()
    beginFrom(c, d)
    await expectAlike([a.vault, b.vault, c.vault, d.vault, copy.vault])
    copy.close()
    third.close()
  })

  test('the same two devices make the same snapshot of it, and one that began from it makes it again', () => {
    const { devices, b, c, d, copy, third } = writtenApart(3)
    using _devices = devices
    pullAll(c.vault, b.vault)
    const positionsOf = ({ replica }: PairedVault) =>
      decodeSnapshot(replica.makeSnapshot({}).header).header.positions
    expect(positionsOf(c)).toEqual(positionsOf(b))
    expect(positionsOf(b).filter(({ branch }) => branch)).toHaveLength(2)
    beginFrom(d, b)
    expect(positionsOf(d)).toEqual(positionsOf(b))
    copy.close()
    third.close()
  })

  test('a third branch, heard of after that, is a branch here too', async () => {
    const { devices, a, b, d, copy, third } = writtenApart(3)
    using _devices = devices
    beginFrom(d, b)
    put(third.vault, count(5000), edit(0, 'third '), insert('in the third'))
    pullAll(d.vault, third.vault)
    expect(shown(d.vault)).toMatchObject({ tally: 5105 })
    expect(shown(d.vault)!.body).toContain('third ')
    await expectAlike([a.vault, b.vault, copy.vault, third.vault, d.vault])
    copy.close()
    third.close()
  })

  test('one that knows of branches begins again from one that does not', async () => {
    const { devices, a, b, c, d, copy, third } = writtenApart(3)
    using _devices = devices
    pullAll(c.vault, a.vault)
    beginFrom(b, c)
    expect(shown(b.vault)!.tally).toBe(5)
    await expectAlike([c.vault, b.vault])
    // And from one that knows of them again.
    pullAll(d.vault, a.vault)
    pullAll(d.vault, copy.vault)
    beginFrom(b, d)
    await expectAlike([a.vault, copy.vault, d.vault, b.vault])
    expect(shown(b.vault)!.tally).toBe(105)
    copy.close()
    third.close()
  })

  test('a copy that was away when it was found out keeps what it wrote, and says none of it twice', async () => {
    const { devices, a, b, copy, third } = writtenApart(3)
    using _devices = devices
    // It goes on in the log that the others have cut, and never heard of it.
    put(a.vault, count(20), edit(0, 'hot '))
    beginFrom(a, b)
    expect(shown(a.vault)!.tally).toBe(125)
    expect(shown(a.vault)!.body).toContain('hot green ')
    await expectAlike([a.vault, b.vault, copy.vault])
    expect(shown(b.vault)!.tally).toBe(125)
    copy.close()
    third.close()
  })
})
