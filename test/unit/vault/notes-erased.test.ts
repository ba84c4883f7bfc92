import { describe, expect, test } from 'vitest'
import { Annotations } from '../../../daemon/vault/annotations.ts'
import { rowsOfConversation } from '../../../daemon/vault/conversation-rows.ts'
import { eraseNotes } from '../../../daemon/vault/erase-notes.ts'
import { type NotebookDependencies, Notebooks } from '../../../daemon/vault/notebooks.ts'
import { stateDigest } from '../../../daemon/vault/state-digest.ts'
import { byteSearch } from '../../support/byte-search.ts'
import { type PairedVault, pairedVaults, pull } from '../../support/paired-vaults.ts'

const digestOf = ({ vault }: PairedVault) => stateDigest(vault, vault.logs, vault.space)
const notesOf = ({ vault }: PairedVault, name: string) => {
  let made = 0
  const deps: NotebookDependencies = {
    storable: (text) => text.replaceAll('sk-secret', '⟦sealed⟧'),
    mask: (text, level) => (level < 3 ? text.replaceAll('ann@example.org', '[mail]') : text),
    unitText: (id) =>
      vault.get<{ content: string }>('SELECT content FROM atomic_chat_units WHERE id = ?', [id])?.content,
    newId: () => `${name}-${++made}`,
    erase: (id, rows) => eraseNotes(vault, () => ['Phone'], id, rows),
  }
  return { notebooks: new Notebooks(vault, deps), annotations: new Annotations(vault, deps) }
}

function exchange(vaults: readonly PairedVault[]): void {
  for (let round = 0; round < 3; round++)
    for (const to of vaults) for (const from of vaults) if (to !== from) pull(to, from)
}

/** A conversation of one message with one unit in it. */
function captured({ vault }: PairedVault): void {
  vault.transact((tx) =>
    tx.write([
      { kind: 'INSERT', entity: 'Conversation', key: 'c1', values: { title: 'Tea', provider: 'test' } },
      { kind: 'INSERT', entity: 'Message', key: 'm1', values: { conversation_id: 'c1' } },
    ]),
  )
}

function derived({ vault }: PairedVault, unit: string, start: number, end: number): void {
  vault.transactDerived((tx) => {
    tx.run('DELETE FROM acu_occurrences')
    tx.run('DELETE FROM atomic_chat_units')
    tx.run(
      `INSERT INTO atomic_chat_units (id, class, content, context, type, category, quality, security_level, state)
       VALUES (?, 'text', 'Green tea wants 80 degrees.', '', 'STATEMENT', 'x', 50, 1, 'ACTIVE')`,
      [unit],
    )
    tx.run(
      `INSERT INTO acu_occurrences (acu_id, message_id, conversation_id, part, start, end, ordinal, role, live, type, category, quality,
         security_level, rules_json) VALUES (?, 'm1', 'c1', 0, ?, ?, 0, 'user', 1, 'STATEMENT', 'x', 50, 1, '[]')`,
      [unit, start, end],
    )
  })
}

const comment = { type: 'comment' as const }

describe('annotations', () => {
  test('on a conversation, a message and a unit; a newer program that cuts otherwise finds them', () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    captured(a)
    derived(a, 'u1', 10, 40)
    const { annotations } = notesOf(a, 'a')
    annotations.create({ ...comment, conversationId: 'c1', text: 'on all of it' }, 5)
    annotations.create({ ...comment, messageId: 'm1', start: 2, end: 9, text: 'on words' }, 5)
    annotations.create({ type: 'correction', acuId: 'u1', text: 'on a unit: ann@example.org' }, 5)
    const texts = (params: object, level = 5) =>
      annotations.list({ limit: 50, ...params }, level).items.map(({ text }) => text)
    expect(texts({})).toEqual(['on a unit: ann@example.org', 'on words', 'on all of it'])
    expect(texts({ conversationId: 'c1' })).toHaveLength(3)
    expect(texts({ messageId: 'm1' })).toHaveLength(2)
    expect(texts({ acuId: 'u1' }, 1)).toEqual(['on a unit: [mail]'])
    expect(texts({ type: 'correction' })).toHaveLength(1)
    expect(annotations.list({ limit: 50, acuId: 'u1' }, 5).items[0]).toMatchObject({ start: 10, end: 40 })
    derived(a, 'u2', 20, 60)
    expect(texts({ acuId: 'u2' })).toEqual(['on a unit: ann@example.org'])
    derived(a, 'u3', 40, 60)
    expect(texts({ acuId: 'u3' })).toEqual([])
    const page = annotations.list({ limit: 2 }, 5)
    expect(annotations.list({ limit: 2, cursor: page.nextCursor! }, 5).items).toHaveLength(1)
    for (const missing of [{ conversationId: 'x' }, { messageId: 'x' }, { acuId: 'x' }])
      expect(() => annotations.create({ ...comment, ...missing, text: 'x' }, 5)).toThrow(
        expect.objectContaining({ code: 'NotFound' }),
      )
    expect(() => texts({ conversationId: 'x' })).toThrow(expect.objectContaining({ code: 'NotFound' }))
    a.vault.transact((tx) => tx.write([{ kind: 'DELETE', entity: 'Conversation', key: 'c1' }]))
    expect(texts({})).toEqual([])
    a.vault.transact((tx) => tx.write([{ kind: 'UNDELETE', entity: 'Conversation', key: 'c1' }]))
    expect(texts({})).toHaveLength(3)
  })

  test('two devices edit one while apart: both edits stay; deleted, it is nowhere', () => {
    using two = pairedVaults(2)
    const [a, b] = two.vaults as [PairedVault, PairedVault]
    captured(a)
    const [onA, onB] = [notesOf(a, 'a').annotations, notesOf(b, 'b').annotations]
    const { id } = onA.create({ ...comment, conversationId: 'c1', text: 'ask again' }, 5)
    exchange([a, b])
    onA.edit({ id, edits: [{ at: 9, delete: 0, insert: ' in spring' }] }, 5)
    onB.edit({ id, text: 'Ask again', type: 'question' }, 5)
    exchange([a, b])
    for (const on of [onA, onB])
      expect(on.list({ limit: 9 }, 5).items).toMatchObject([
        { type: 'question', text: 'Ask again in spring', authorDid: a.vault.did },
      ])
    expect(digestOf(a)).toBe(digestOf(b))
    expect(() => onA.edit({ id, edits: [{ at: 99, delete: 0, insert: 'x' }] }, 5)).toThrow('no such place')
    onB.delete({ id, erase: false })
    exchange([a, b])
    expect(onA.list({ limit: 9 }, 5).items).toEqual([])
    expect(() => onA.edit({ id, text: 'x' }, 5)).toThrow(expect.objectContaining({ code: 'NotFound' }))
  })
})

describe('notes in order and as Markdown', () => {
  test('an entry goes behind any other one, however often between the same two', () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    const { notebooks } = notesOf(a, 'a')
    const { id } = notebooks.create({ name: 'Order' }, 5)
    const [x, y, z] = ['x', 'y', 'z'].map((text) => notebooks.add({ notebookId: id, text }, 5).id)
    const order = () =>
      notebooks
        .get(id, 5)
        .entries.map(({ body }) => body)
        .join('')
    notebooks.move({ id: z! }, 5)
    expect(order()).toBe('zxy')
    notebooks.move({ id: z!, after: y }, 5)
    expect(order()).toBe('xyz')
    for (let n = 0; n < 60; n++) {
      notebooks.move({ id: n % 2 ? y! : z!, after: x }, 5)
      expect(order()).toBe(n % 2 ? 'xyz' : 'xzy')
    }
    expect(() => notebooks.move({ id: x!, after: 'nowhere' }, 5)).toThrow(
      expect.objectContaining({ code: 'NotFound' }),
    )
  })

  test('Markdown quotes units with footnotes to their sources, at the level of who asks', () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    captured(a)
    derived(a, 'u1', 10, 40)
    const { notebooks } = notesOf(a, 'a')
    const { id } = notebooks.create({ name: 'Tea / notes', description: 'What I know' }, 5)
    notebooks.add({ notebookId: id, title: 'Green', text: 'Ask ann@example.org.' }, 5)
    notebooks.add({ notebookId: id, acuId: 'u1', text: 'Seen twice.' }, 5)
    notebooks.add({ notebookId: id, acuId: 'gone', text: '' }, 5)
    expect(notebooks.export(id, 1)).toEqual({
      id,
      fileName: 'Tea - notes.md',
      markdown: [
        '# Tea / notes',
        'What I know',
        '## Green',
        'Ask [mail].',
        '> Green tea wants 80 degrees.\n\n[^1]',
        'Seen twice.',
        '*A unit that is not here.* [^2]',
        '[^1]: “Tea”, test',
        '[^2]: Unit gone\n',
      ].join('\n\n'),
    })
  })

  test('a secret typed in two pieces is not stored', () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    const { notebooks } = notesOf(a, 'a')
    const { id: notebookId } = notebooks.create({ name: 'Keys' }, 5)
    const { id } = notebooks.add({ notebookId, text: 'my key: sk-' }, 5)
    const edits = [
      { at: 11, delete: 0, insert: 'sec' },
      { at: 14, delete: 0, insert: 'ret!' },
    ]
    expect(notebooks.edit({ id, edits }, 5).body).toBe('my key: ⟦sealed⟧!')
    expect(byteSearch(a.folder, 'sk-secret', ['utf8'])).toEqual([])
  })
})

describe('erasing notes', () => {
  test('of a notebook no byte is left on any device, nor of what came into it meanwhile', () => {
    using three = pairedVaults(3)
    const all = three.vaults as [PairedVault, PairedVault, PairedVault]
    const [a, b, c] = all
    const [onA, onB] = [notesOf(a, 'a').notebooks, notesOf(b, 'b').notebooks]
    const { id } = onA.create({ name: 'quiet-harbour' }, 5)
    const entry = onA.add({ notebookId: id, text: 'silver-lantern' }, 5)
    onA.edit({ id: entry.id, text: 'copper-lantern', tally: 4 }, 5)
    const removed = onA.add({ notebookId: id, text: 'wooden-lantern' }, 5)
    onA.remove({ id: removed.id, erase: false })
    exchange(all)
    const words = ['quiet-harbour', 'silver', 'copper', 'lantern', 'glass-anchor', 'paper-kite']
    for (const word of ['silver', 'copper'])
      expect(byteSearch(c.folder, word, ['utf8']).length).toBeGreaterThan(0)
    onB.edit({ id: entry.id, text: 'copper-lantern paper-kite' }, 5)
    onB.add({ notebookId: id, text: 'glass-anchor' }, 5)
    expect(onA.delete({ id, erase: true })).toEqual({
      id,
      deleted: true,
      erased: true,
      purged: true,
      waitingFor: ['Phone'],
    })
    exchange(all)
    for (const device of all) {
      device.vault.purge()
      for (const word of words) expect(byteSearch(device.folder, word)).toEqual([])
      expect(device.vault.all('SELECT 1 FROM text_documents')).toEqual([])
      expect(device.vault.all('SELECT 1 FROM counter_cells')).toEqual([])
    }
    exchange(all)
    expect(new Set(all.map(digestOf)).size).toBe(1)
    expect(() => onB.edit({ id: entry.id, text: 'again' }, 5)).toThrow(
      expect.objectContaining({ code: 'NotFound' }),
    )
  })

  test('an erased conversation takes its annotations along, also those written elsewhere meanwhile', () => {
    using two = pairedVaults(2)
    const all = two.vaults as [PairedVault, PairedVault]
    const [a, b] = all
    captured(a)
    exchange(all)
    const [onA, onB] = [notesOf(a, 'a').annotations, notesOf(b, 'b').annotations]
    onA.create({ ...comment, conversationId: 'c1', text: 'silver-lantern' }, 5)
    exchange(all)
    onB.create({ ...comment, messageId: 'm1', text: 'glass-anchor' }, 5)
    a.vault.transact((tx) => a.vault.erase(tx, rowsOfConversation(tx, a.vault.space, 'c1')))
    a.vault.purge()
    exchange(all)
    for (const device of all) {
      device.vault.purge()
      for (const word of ['silver-lantern', 'glass-anchor'])
        expect(byteSearch(device.folder, word)).toEqual([])
      expect(device.vault.all('SELECT 1 FROM annotations')).toEqual([])
    }
    exchange(all)
    expect(digestOf(a)).toBe(digestOf(b))
  })

  test('one entry and one annotation', () => {
    using one = pairedVaults(1)
    const [a] = one.vaults as [PairedVault]
    captured(a)
    const { notebooks, annotations } = notesOf(a, 'a')
    const { id: notebookId } = notebooks.create({ name: 'Tea' }, 5)
    const entry = notebooks.add({ notebookId, text: 'silver-lantern' }, 5)
    const annotation = annotations.create({ ...comment, conversationId: 'c1', text: 'glass-anchor' }, 5)
    notebooks.remove({ id: entry.id, erase: true })
    annotations.delete({ id: annotation.id, erase: true })
    for (const word of ['silver-lantern', 'glass-anchor']) expect(byteSearch(a.folder, word)).toEqual([])
    expect(() => annotations.delete({ id: annotation.id, erase: true })).toThrow(
      expect.objectContaining({ code: 'NotFound' }),
    )
  })
})
