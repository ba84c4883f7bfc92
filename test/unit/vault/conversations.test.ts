import { describe, expect, test } from 'vitest'
import { Conversations } from '../../../daemon/vault/conversations.ts'
import type { FactChange } from '../../../daemon/vault/vault.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'

const DAY = 24 * 3_600_000

function conversationsOf({ vault }: TemporaryVault, forgotten: string[] = []): Conversations {
  return new Conversations(vault, {
    forgetDerived: (_, id) => void forgotten.push(id),
    wakeDerivation: () => {},
    storable: (text) => text.replaceAll('\0', '').replaceAll('key-123', '⟦sealed⟧'),
    mask: (text, level) => (level < 5 ? text.replaceAll('secret', '***') : text),
    otherDevices: () => [],
    reveal: (_, parts) => parts,
  })
}

interface Turn {
  readonly id: string
  readonly parent?: string
  readonly hidden?: boolean
}

function store({ vault }: TemporaryVault, id: string, turns: readonly Turn[], values: object = {}): void {
  const changes: FactChange[] = [
    {
      kind: 'INSERT',
      entity: 'Conversation',
      key: id,
      values: {
        provider: 'test',
        title: `about ${id}`,
        state: 'ACTIVE',
        version: 1,
        updated_at: 1,
        ...values,
      },
    },
  ]
  turns.forEach(({ id: turn, parent, hidden }, position) => {
    const key = `${id}-${turn}`
    changes.push({
      kind: 'INSERT',
      entity: 'Message',
      key,
      values: {
        conversation_id: id,
        parent_id: parent === undefined ? null : `${id}-${parent}`,
        role: 'user',
        position,
        hidden: hidden ? 1 : 0,
        version_hash: 'v',
      },
    })
    changes.push({
      kind: 'INSERT',
      entity: 'MessageVersion',
      key: `${key}:v`,
      values: {
        message_id: key,
        content_hash: 'v',
        parts_json: JSON.stringify([
          { type: 'text', content: `text of ${turn}`, metadata: { to: [`a ${turn}`], count: 2 } },
        ]),
      },
    })
  })
  vault.transact((tx) => tx.write(changes))
}

const all = { limit: 50, state: 'ACTIVE' } as const
const get = { reveal: false } as const

describe('conversations', () => {
  test('the shown branch is 0; a regeneration and an edit are branches with their own continuation', () => {
    using temporary = temporaryVault()
    store(
      temporary,
      'c',
      [
        { id: 'system', hidden: true },
        { id: 'q', parent: 'system' },
        { id: 'old', parent: 'q' },
        { id: 'old-next', parent: 'old' },
        { id: 'new', parent: 'q' },
        { id: 'old-other', parent: 'old' },
        { id: 'end', parent: 'new' },
        { id: 'edited', parent: 'system' },
      ],
      { current_message_id: 'c-end' },
    )
    const conversations = conversationsOf(temporary)
    const found = conversations.get({ id: 'c', ...get }, 5)
    expect(Object.fromEntries(found.messages.map(({ id, branch }) => [id.slice(2), branch]))).toEqual({
      system: 0,
      q: 0,
      old: 1,
      'old-next': 1,
      new: 0,
      'old-other': 2,
      end: 0,
      edited: 3,
    })
    expect(found.messageCount).toBe(3)
    expect(found.branches).toEqual([
      { branch: 0, leafMessageId: 'c-end', messageCount: 3 },
      { branch: 1, leafMessageId: 'c-old-next', messageCount: 3 },
      { branch: 2, leafMessageId: 'c-old-other', messageCount: 3 },
      { branch: 3, leafMessageId: 'c-edited', messageCount: 1 },
    ])
    const second = conversations.get({ id: 'c', branch: 2, ...get }, 5)
    expect(second.messages.map(({ id }) => id.slice(2))).toEqual(['system', 'q', 'old', 'old-other'])
    expect(() => conversations.get({ id: 'c', branch: 9, ...get }, 5)).toThrow(/no such branch/)
  })

  test('messages that follow each other in a circle are shown, once each', () => {
    using temporary = temporaryVault()
    store(temporary, 'c', [
      { id: 'a', parent: 'b' },
      { id: 'b', parent: 'a' },
    ])
    const found = conversationsOf(temporary).get({ id: 'c', ...get }, 5)
    expect(found.messages).toHaveLength(2)
    expect(found.messageCount).toBe(2)
  })

  test('pages show each conversation once, newest first, also when times are equal or missing', () => {
    using temporary = temporaryVault()
    for (let i = 0; i < 23; i++)
      store(temporary, `c${i}`, [], { updated_at: i % 3 === 0 ? null : Math.floor(i / 4) })
    const conversations = conversationsOf(temporary)
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = conversations.list({ ...all, limit: 4, ...(cursor ? { cursor } : {}) }, 5)
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect(seen).toHaveLength(23)
    expect(new Set(seen).size).toBe(23)
    expect(() => conversations.list({ ...all, cursor: 'WyJ4Il0' }, 5)).toThrow(/cursor/)
  })

  test('tags: adding twice, removing what is not there, and adding again after removing', () => {
    using temporary = temporaryVault()
    store(temporary, 'c', [])
    const conversations = conversationsOf(temporary)
    const tag = (add: string[], remove: string[]) => conversations.tag({ id: 'c', add, remove }, 5).tags
    expect(tag(['tea', 'food'], [])).toEqual(['food', 'tea'])
    const operations = () =>
      temporary.vault.get<{ n: number }>('SELECT count(*) AS n FROM sync_operations')!.n
    const before = operations()
    expect(tag(['tea'], ['nothing'])).toEqual(['food', 'tea'])
    expect(operations()).toBe(before)
    expect(tag([], ['tea'])).toEqual(['food'])
    expect(tag(['tea'], [])).toEqual(['food', 'tea'])
    expect(conversations.list({ ...all, tag: 'tea' }, 5).items).toHaveLength(1)
    expect(conversations.list({ ...all, tag: 'milk' }, 5).items).toHaveLength(0)
  })

  test('what may not be stored is neither in a title nor in a tag, and such a tag can be removed', () => {
    using temporary = temporaryVault()
    store(temporary, 'c', [])
    const conversations = conversationsOf(temporary)
    expect(conversations.rename({ id: 'c', title: 'my key-123' }, 5).title).toBe('my ⟦sealed⟧')
    const tag = (add: string[], remove: string[]) => conversations.tag({ id: 'c', add, remove }, 5).tags
    expect(tag(['a\0b', 'key-123'], [])).toEqual(['ab', '⟦sealed⟧'])
    expect(tag([], ['a\0b', 'key-123'])).toEqual([])
    expect(() =>
      temporary.vault.transact((tx) =>
        tx.write([{ kind: 'UPDATE', entity: 'Conversation', key: 'c', values: { title: 'a\0b' } }]),
      ),
    ).toThrow(/no text may hold/)
  })

  test('thousands of branches are counted in one pass', () => {
    using temporary = temporaryVault()
    const turns = Array.from({ length: 6_000 }, (_, at) => ({
      id: `n${at}`,
      ...(at > 0 ? { parent: 'n0' } : {}),
    }))
    store(temporary, 'c', turns)
    const start = performance.now()
    const { branches } = conversationsOf(temporary).get({ id: 'c', ...get }, 5)
    expect(branches).toHaveLength(5_999)
    expect(branches.every(({ messageCount }) => messageCount === 2)).toBe(true)
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  test('the trash: hidden everywhere, restored whole, erased after 30 days', () => {
    let now = Date.UTC(2026, 0, 1)
    using temporary = temporaryVault({ now: () => now })
    const forgotten: string[] = []
    const conversations = conversationsOf(temporary, forgotten)
    for (const id of ['a', 'b']) store(temporary, id, [{ id: 'm' }])
    conversations.delete({ id: 'a', erase: false })
    expect(forgotten).toEqual(['a'])
    expect(() => conversations.get({ id: 'a', ...get }, 5)).toThrow(/no such conversation/)
    expect(() => conversations.rename({ id: 'a', title: 'x' }, 5)).toThrow(/no such conversation/)
    expect(conversations.list(all, 5).items.map(({ id }) => id)).toEqual(['b'])
    expect(conversations.trash({ limit: 10 }, 5).items).toMatchObject([{ id: 'a', deletedAt: now }])
    conversations.restore({ id: 'a' }, 5)
    expect(conversations.get({ id: 'a', ...get }, 5).messages).toHaveLength(1)
    conversations.delete({ id: 'a', erase: false })
    now += 30 * DAY - 1
    expect(conversations.emptyOldTrash()).toBe(0)
    now += 2
    expect(conversations.emptyOldTrash()).toBe(1)
    expect(conversations.trash({ limit: 10 }, 5).items).toEqual([])
    expect(() => conversations.restore({ id: 'a' }, 5)).toThrow(/no such conversation/)
    expect(conversations.list(all, 5).items.map(({ id }) => id)).toEqual(['b'])
  })

  test('text above the level is masked in titles and parts, and revealing needs level 5', () => {
    using temporary = temporaryVault()
    store(temporary, 'c', [{ id: 'secret' }], { title: 'a secret' })
    const conversations = conversationsOf(temporary)
    const found = conversations.get({ id: 'c', ...get }, 2)
    expect(found.title).toBe('a ***')
    expect(found.messages[0]!.parts[0]).toMatchObject({
      content: 'text of ***',
      metadata: { to: ['a ***'], count: 2 },
    })
    expect(() => conversations.get({ id: 'c', reveal: true }, 4)).toThrow(/level 5/)
  })
})
