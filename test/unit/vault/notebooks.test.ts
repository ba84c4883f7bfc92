import { describe, expect, test } from 'vitest'
import { deviceTag } from '../../../crdt/device.ts'
import { GENESIS_HASH, LogChain } from '../../../crdt/log.ts'
import { commitmentOf, encodeOperation, saltOf } from '../../../crdt/operation.ts'
import { segmentMessage } from '../../../crdt/segment.ts'
import { encodeShippedSegment } from '../../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../../crdt/space.ts'
import { encodeTextChange, SharedText, textClient } from '../../../crdt/text.ts'
import { sign } from '../../../daemon/identity/ed25519.ts'
import { eraseNotes } from '../../../daemon/vault/erase-notes.ts'
import { Notebooks } from '../../../daemon/vault/notebooks.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { NotebookEntry } from '../../../schema/entities/index.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const notebooksOf = ({ vault }: PairedVault, name: string) => {
  let made = 0
  return new Notebooks(vault, {
    storable: (text) => text,
    mask: (text, level) => (level < 3 ? text.replaceAll('ann@example.org', '[mail]') : text),
    unitText: (id) =>
      vault.get<{ content: string }>('SELECT content FROM atomic_chat_units WHERE id = ?', [id])?.content,
    newId: () => `${name}-${++made}`,
    erase: (id, rows) => eraseNotes(vault, () => [], id, rows),
  })
}

function exchange(vaults: readonly PairedVault[]): void {
  for (let round = 0; round < 2; round++)
    for (const to of vaults) for (const from of vaults) if (to !== from) pull(to, from)
}

/** A segment of a log of its own: a TEXT operation that device signs, whatever it says. */
function forgedText(from: PairedVault, key: string, value: Uint8Array, incarnation: Uint8Array): Uint8Array {
  const log = { space: privateSpaceId(from.vault.did), device: from.device, incarnation }
  const seed = new Uint8Array(32)
  const body = encodeOperation({
    hlc: { ms: Date.UTC(2026, 0, 1), counter: 0, device: deviceTag(from.device) },
    kind: 'TEXT',
    table: NotebookEntry.number,
    key,
    schemaVersion: 1,
    columns: new Map([[NotebookEntry.columns.body.number, value]]),
  })
  const headHash = new LogChain(log).hash(1, GENESIS_HASH, commitmentOf(saltOf(seed, 1), body))
  const header = {
    ...log,
    first: 1,
    count: 1,
    previousHash: GENESIS_HASH,
    membershipHead: GENESIS_HASH,
    headHash,
  }
  const signature = sign(from.keys.deviceKey, segmentMessage(header))
  return encodeShippedSegment({ ...header, signature, seed, from: 1, operations: [{ body }] })
}

describe('notebooks', () => {
  test('two devices edit one note while apart, by places and as a whole: both edits stay', () => {
    using two = pairedVaults(2)
    const [a, b] = two.vaults as [PairedVault, PairedVault]
    const [onA, onB] = [notebooksOf(a, 'a'), notebooksOf(b, 'b')]
    const { id: notebookId } = onA.create({ name: 'Tea' }, 5)
    const { id } = onA.add({ notebookId, text: 'Steep green tea for two minutes.' }, 5)
    exchange([a, b])
    onA.edit({ id, edits: [{ at: 6, delete: 5, insert: 'white' }], tally: 1 }, 5)
    onB.edit({ id, text: 'Steep green tea for three minutes.', tally: 2 }, 5)
    exchange([a, b])
    const expected = { body: 'Steep white tea for three minutes.', tally: 3 }
    expect(onA.get(notebookId, 5).entries).toMatchObject([expected])
    expect(onB.get(notebookId, 5)).toMatchObject({ name: 'Tea', entryCount: 1, entries: [expected] })
    expect(digestOf(a)).toBe(digestOf(b))
    expect(() => onA.edit({ id, edits: [{ at: 99, delete: 0, insert: 'x' }] }, 5)).toThrow('no such place')
  })

  test('a unit added on two devices is one entry; of adding and removing at once the later counts', () => {
    using two = pairedVaults(2)
    const [a, b] = two.vaults as [PairedVault, PairedVault]
    const [onA, onB] = [notebooksOf(a, 'a'), notebooksOf(b, 'b')]
    const { id: notebookId } = onA.create({ name: 'Tea' }, 5)
    exchange([a, b])
    const { id } = onA.add({ notebookId, acuId: 'unit', text: '' }, 5)
    expect(onB.add({ notebookId, acuId: 'unit', text: '' }, 5).id).toBe(id)
    exchange([a, b])
    expect(onA.get(notebookId, 5).entries).toHaveLength(1)
    onA.remove({ id, erase: false })
    b.time += 1_000
    onB.add({ notebookId, acuId: 'unit', title: 'again', text: '' }, 5)
    exchange([a, b])
    // The other device never saw it removed, so it wrote no UNDELETE: only that takes a removal back.
    expect(onA.get(notebookId, 5).entries).toEqual([])
    onB.add({ notebookId, acuId: 'unit', text: '' }, 5)
    exchange([a, b])
    expect(onA.get(notebookId, 5).entries).toMatchObject([{ id, title: 'again' }])
    expect(digestOf(a)).toBe(digestOf(b))
  })

  test('who does not see all of a note cannot edit it', () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    const notebooks = notebooksOf(a, 'a')
    const { id: notebookId } = notebooks.create({ name: 'People' }, 5)
    const { id } = notebooks.add({ notebookId, text: 'Ann: ann@example.org' }, 5)
    expect(notebooks.get(notebookId, 1).entries[0]?.body).toBe('Ann: [mail]')
    expect(() => notebooks.edit({ id, text: 'Ann' }, 1)).toThrow('above the level')
    expect(notebooks.get(notebookId, 5).entries[0]?.body).toBe('Ann: ann@example.org')
  })

  test('an update in the name of another log changes nothing, and its own does', () => {
    using two = pairedVaults(2)
    const [a, b] = two.vaults as [PairedVault, PairedVault]
    const notebooks = notebooksOf(a, 'a')
    const { id: notebookId } = notebooks.create({ name: 'Tea' }, 5)
    const { id } = notebooks.add({ notebookId, text: 'tea' }, 5)
    const session = new Uint8Array(8).fill(1)
    const space = privateSpaceId(a.vault.did)
    const incarnation = new Uint8Array(8).fill(9)
    const bodyOf = () => notebooks.get(notebookId, 5).entries[0]?.body
    const send = (client: number, into: Uint8Array) => {
      const update = new SharedText().edit(client, [{ at: 0, delete: 0, insert: 'hostile ' }])[0]!
      const segment = forgedText(b, id, encodeTextChange(session, update), into)
      return a.replica.apply({ segments: [segment] }).operations
    }
    const before = digestOf(a)
    const asA = textClient({ space, device: a.device, incarnation }, session)
    expect(send(asA, incarnation)).toBe(1)
    expect(bodyOf()).toBe('tea')
    expect(digestOf(a)).toBe(before)
    const other = new Uint8Array(8).fill(8)
    expect(send(textClient({ space, device: b.device, incarnation: other }, session), other)).toBe(1)
    expect(bodyOf()).toContain('hostile ')
    expect(digestOf(a)).not.toBe(before)
  })
})
