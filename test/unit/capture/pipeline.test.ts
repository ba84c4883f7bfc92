import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type CaptureOptions, captureConversation } from '../../../daemon/capture/pipeline.ts'
import { openRawRecord } from '../../../daemon/capture/raw-record.ts'
import { revealParts } from '../../../daemon/capture/secret-sealer.ts'
import { loadConversation } from '../../../daemon/vault/conversation-reader.ts'
import type { CaptureConversation, CaptureMessage } from '../../../schema/capture.ts'
import { Conversation, Message, MessageVersion } from '../../../schema/entities/index.ts'
import { seededRandom } from '../../support/seed.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'

/** Looks like a key and is none; put together here so that no scanner takes this repository for leaking one. */
const KEY = ['sk', 'proj', 'Tw9kQ2vLr7NdXc4HbYf8ZsMa3JgPe6UoIt5RxWqKmDzLhVnB'].join('-')

let vaults: TemporaryVault
beforeEach(() => {
  vaults = temporaryVault()
})
afterEach(() => vaults[Symbol.dispose]())

const said = (
  id: string | undefined,
  content: string,
  more: Partial<CaptureMessage> = {},
): CaptureMessage => ({
  ...(id === undefined ? {} : { id }),
  role: 'user',
  parts: [{ type: 'text', content }],
  ...more,
})
const conversation = (
  messages: CaptureMessage[],
  more: Partial<CaptureConversation> = {},
): CaptureConversation => ({
  format: 'vivim.capture/1',
  provider: 'test',
  originalId: 'c1',
  title: 'Tea',
  messages,
  ...more,
})
const capture = (source: CaptureConversation, options: Partial<CaptureOptions> = {}) =>
  vaults.vault.transact((tx) =>
    captureConversation(tx, vaults.vault, source, { again: false, capturedAt: 1_000, ...options }),
  )
const operations = () => vaults.vault.get<{ n: number }>('SELECT count(*) AS n FROM sync_operations')!.n
const messagesOf = (id: string) => loadConversation(vaults.vault, id)!.messages
const bytesOnDisk = () =>
  ['', '-wal']
    .map((ending) => {
      try {
        return readFileSync(vaults.path + ending).toString('latin1')
      } catch {
        return ''
      }
    })
    .join()

describe('capturing', () => {
  test('a conversation is stored as it was given, and again writes no operation', () => {
    const source = conversation(
      [
        said('a', 'one', { createdAt: '2026-01-02T03:04:05+01:00', author: 'Ann' }),
        said('b', 'two', { role: 'assistant', model: 'm', hidden: true, metadata: { z: 1, a: [null] } }),
      ],
      { sourceUrl: 'https://a.example/c', createdAt: 5_000, updatedAt: 9_000, metadata: { k: 'v' } },
    )
    const first = capture(source)
    expect(first).toMatchObject({ status: 'created', created: true, messagesAdded: 2, version: 1 })
    const before = operations()
    expect(before).toBe(5)
    const attempts = () => vaults.vault.all('SELECT * FROM capture_attempts').length
    for (let again = 0; again < 3; again++)
      expect(capture(structuredClone(source))).toMatchObject({
        status: 'unchanged',
        created: false,
        messagesAdded: 0,
        version: 1,
      })
    // The order of keys is no content.
    capture({
      ...source,
      messages: source.messages.map((m) => (m.metadata ? { ...m, metadata: { a: [null], z: 1 } } : m)),
    })
    expect(operations()).toBe(before)
    expect(attempts()).toBe(5)
    expect(loadConversation(vaults.vault, first.conversationId)).toMatchObject({
      provider: 'test',
      originalId: 'c1',
      title: 'Tea',
      createdAt: 5_000,
      updatedAt: 9_000,
      messages: [
        {
          originalId: 'a',
          parentId: null,
          author: 'Ann',
          createdAt: Date.UTC(2026, 0, 2, 2, 4, 5),
          parts: [{ type: 'text', content: 'one' }],
        },
        { originalId: 'b', role: 'assistant', hidden: true, position: 1, model: 'm' },
      ],
    })
    expect(messagesOf(first.conversationId)[1]!.parentId).toBe(messagesOf(first.conversationId)[0]!.id)
  })

  test('any conversation: a second capture writes nothing, ids are the same in another vault', () => {
    const text = fc.string({ unit: 'binary', maxLength: 40 })
    const message = fc.record<CaptureMessage>(
      {
        id: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
        parentId: fc.constantFrom('a', 'b', 'c', 'zz', null),
        role: fc.constantFrom('user', 'assistant', 'system', 'tool'),
        hidden: fc.boolean(),
        createdAt: fc.integer({ min: 0, max: 2e12 }),
        parts: fc.array(fc.record({ type: fc.constantFrom('text', 'code', 'tool_call'), content: text }), {
          maxLength: 3,
        }) as never,
        metadata: fc.dictionary(text, fc.jsonValue() as never, { maxKeys: 3 }),
      },
      { requiredKeys: ['role', 'parts'] },
    )
    const other = temporaryVault({ vaultKey: vaults.options.vaultKey })
    let number = 0
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 8 }), fc.option(text), (messages, title) => {
        const source = conversation(messages, { originalId: `any-${number++}`, title })
        const { conversationId, messagesAdded } = capture(source)
        expect(messagesAdded).toBe(messages.length)
        const stored = messagesOf(conversationId)
        expect(stored).toHaveLength(messages.length)
        const before = operations()
        expect(capture(source).status).toBe('unchanged')
        expect(operations()).toBe(before)
        const there = other.vault.transact((tx) =>
          captureConversation(tx, other.vault, source, { again: false, capturedAt: 2_000 }),
        )
        expect(there.conversationId).toBe(conversationId)
        expect(loadConversation(other.vault, conversationId)!.messages.map(({ id }) => id)).toEqual(
          stored.map(({ id }) => id),
        )
        // Every way up ends.
        const byId = new Map(stored.map((each) => [each.id, each]))
        for (const each of stored) {
          let steps = 0
          for (let at = each.parentId; at !== null; at = byId.get(at)!.parentId)
            expect(++steps).toBeLessThan(20)
        }
      }),
      { numRuns: 150 },
    )
    other[Symbol.dispose]()
  })

  test('an edited conversation adds what is new, keeps the old version, and leaves the rest alone', () => {
    const { conversationId } = capture(conversation([said('a', 'one'), said('b', 'two'), said('c', 'three')]))
    const before = operations()
    const result = capture(
      conversation([said('a', 'one'), said('b', 'two, edited'), said('c', 'three'), said('d', 'four')]),
    )
    expect(result).toMatchObject({ conversationId, status: 'updated', messagesAdded: 1, version: 2 })
    // conversation, version and message of b, message and version of d
    expect(operations() - before).toBe(5)
    const stored = messagesOf(conversationId)
    expect(stored.map(({ parts }) => parts[0]!.content)).toEqual(['one', 'two, edited', 'three', 'four'])
    expect(stored.every(({ live }) => live)).toBe(true)
    const versions = vaults.vault.all('SELECT * FROM message_versions WHERE message_id = ?', [stored[1]!.id])
    expect(versions).toHaveLength(2)
    const back = capture(
      conversation([said('a', 'one'), said('b', 'two'), said('c', 'three'), said('d', 'four')]),
    )
    expect(back).toMatchObject({ status: 'updated', messagesAdded: 0, version: 3 })
    expect(messagesOf(conversationId)[1]!.parts[0]!.content).toBe('two')
    expect(
      vaults.vault.all('SELECT * FROM message_versions WHERE message_id = ?', [stored[1]!.id]),
    ).toHaveLength(2)
  })

  test('a regenerated answer becomes the shown branch, the other one stays', () => {
    const q = said('q', 'why?')
    const a1 = said('a1', 'because', { role: 'assistant', parentId: 'q' })
    const { conversationId } = capture(conversation([q, a1], { currentMessageId: 'a1' }))
    const a2 = said('a2', 'therefore', { role: 'assistant', parentId: 'q' })
    capture(conversation([q, a1, a2], { currentMessageId: 'a2' }))
    expect(messagesOf(conversationId).map(({ originalId, branch }) => [originalId, branch])).toEqual([
      ['q', 0],
      ['a1', 1],
      ['a2', 0],
    ])
  })

  test('an older export adds what is missing and moves nothing back', () => {
    const { conversationId } = capture(
      conversation([said('a', 'one'), said('b', 'new words')], { title: 'New', updatedAt: 9_000 }),
    )
    const older = conversation([said('a', 'one'), said('b', 'old words'), said('x', 'lost')], {
      title: 'Old',
      updatedAt: 5_000,
    })
    expect(capture(older)).toMatchObject({ status: 'updated', messagesAdded: 1 })
    const before = operations()
    expect(capture(older)).toMatchObject({ status: 'unchanged' })
    expect(operations()).toBe(before)
    const stored = loadConversation(vaults.vault, conversationId)!
    expect(stored).toMatchObject({ title: 'New', updatedAt: 9_000 })
    expect(stored.messages.find(({ originalId }) => originalId === 'b')!.parts[0]!.content).toBe('new words')
  })

  test('what the user did stays: title, tags, state', () => {
    const { conversationId: key } = capture(conversation([said('a', 'one')]))
    vaults.vault.transact((tx) =>
      tx.write([
        { kind: 'UPDATE', entity: 'Conversation', key, values: { custom_title: 'Mine', state: 'ARCHIVED' } },
      ]),
    )
    capture(conversation([said('a', 'one'), said('b', 'two')], { title: 'Theirs' }))
    expect(loadConversation(vaults.vault, key)).toMatchObject({ title: 'Mine', state: 'ARCHIVED' })
  })

  test('what is in the trash stays there, and still gets what is new', () => {
    const { conversationId: key } = capture(conversation([said('a', 'one')]))
    vaults.vault.transact((tx) => {
      tx.write([{ kind: 'DELETE', entity: 'Conversation', key }])
      tx.run('DELETE FROM derivation_queue')
    })
    expect(capture(conversation([said('a', 'one'), said('b', 'two')])).status).toBe('updated')
    expect(loadConversation(vaults.vault, key)).toBeUndefined()
    expect(vaults.vault.all('SELECT * FROM derivation_queue')).toEqual([])
    vaults.vault.transact((tx) => tx.write([{ kind: 'UNDELETE', entity: 'Conversation', key }]))
    expect(messagesOf(key)).toHaveLength(2)
  })

  test('what was erased is refused, comes back under a new id when wanted again, and is then known', () => {
    const source = conversation([said('a', 'one')])
    const { conversationId } = capture(source)
    const erase = (id: string) =>
      vaults.vault.transact((tx) =>
        vaults.vault.erase(tx, [
          { entity: Conversation, key: id },
          ...messagesOf(id).flatMap(({ id: message, versionHash }) => [
            { entity: Message, key: message },
            { entity: MessageVersion, key: `${message}:${versionHash}` },
          ]),
        ]),
      )
    erase(conversationId)
    expect(() => capture(source)).toThrow(
      expect.objectContaining({ code: 'Conflict', message: expect.stringContaining('erased') }),
    )
    const again = capture(source, { again: true })
    expect(again).toMatchObject({ status: 'created' })
    expect(again.conversationId).not.toBe(conversationId)
    expect(messagesOf(again.conversationId)[0]!.id).not.toBe('')
    expect(capture(source)).toMatchObject({ status: 'unchanged', conversationId: again.conversationId })
    erase(again.conversationId)
    expect(() => capture(source)).toThrow(/erased/)
    expect(capture(source, { again: true }).conversationId).not.toBe(again.conversationId)
  })

  test('a failure anywhere leaves nothing behind', () => {
    const counts = () =>
      ['sync_operations', 'messages', 'raw_records', 'capture_attempts', 'derivation_queue', 'blobs'].map(
        (table) => vaults.vault.all(`SELECT * FROM ${table}`).length,
      )
    const before = counts()
    expect(() =>
      vaults.vault.transact((tx) => {
        captureConversation(tx, vaults.vault, conversation([said('a', 'x'.repeat(80_000))]), {
          again: false,
          capturedAt: 1,
        })
        throw new Error('power')
      }),
    ).toThrow('power')
    expect(counts()).toEqual(before)
  })
})

describe('messages without ids, or with strange ones', () => {
  test('equal messages are told apart by their number, and growing keeps the first ones', () => {
    const list = (...words: string[]) => conversation(words.map((word) => said(undefined, word)))
    const { conversationId } = capture(list('yes', 'yes', 'no', 'yes'))
    const ids = messagesOf(conversationId).map(({ id }) => id)
    expect(new Set(ids).size).toBe(4)
    expect(capture(list('yes', 'yes', 'no', 'yes', 'more'))).toMatchObject({ messagesAdded: 1 })
    expect(
      messagesOf(conversationId)
        .map(({ id }) => id)
        .slice(0, 4),
    ).toEqual(ids)
  })

  test('without id and address the first message names the conversation', () => {
    const bare = (first: string) => {
      const { originalId: _, ...rest } = conversation([said(undefined, first), said(undefined, 'x')])
      return rest as CaptureConversation
    }
    expect(capture(bare('one')).conversationId).toBe(capture(bare('one')).conversationId)
    expect(capture(bare('one')).conversationId).not.toBe(capture(bare('two')).conversationId)
  })

  test('later messages alone go on behind the stored message they follow', () => {
    const { conversationId } = capture(conversation([said('a', 'one'), said('b', 'two')]))
    capture(conversation([said('c', 'three', { parentId: 'b' }), said('d', 'four')]))
    expect(
      messagesOf(conversationId).map(({ originalId, position, live }) => [originalId, position, live]),
    ).toEqual([
      ['a', 0, true],
      ['b', 1, true],
      ['c', 2, true],
      ['d', 3, true],
    ])
  })

  test('a provider id given twice names the first; a parent that is nowhere makes a root', () => {
    const { conversationId } = capture(
      conversation([said('a', 'one'), said('a', 'other'), said('b', 'two', { parentId: 'nowhere' })]),
    )
    const stored = messagesOf(conversationId)
    expect(stored).toHaveLength(3)
    expect(stored[2]!.parentId).toBeNull()
  })
})

describe('secrets', () => {
  const everywhere = conversation(
    [
      said('a', `My key is ${KEY}, keep it.`, { author: `Ann ${KEY}`, metadata: { note: [{ deep: KEY }] } }),
      said(KEY, 'call', {
        parts: [
          {
            type: 'tool_call',
            content: `{"key":"${KEY}"}`,
            metadata: { arguments: { apiKey: KEY }, [KEY]: 1 },
          },
        ],
      }),
    ],
    { title: `About ${KEY}`, metadata: { [KEY]: KEY }, sourceUrl: `https://a.example/?key=${KEY}` },
  )

  test('are in no byte of the file; markers say what stood there, and the words around stay', () => {
    const { conversationId } = capture(everywhere, { raw: Buffer.from(JSON.stringify(everywhere)) })
    const stored = loadConversation(vaults.vault, conversationId)!
    expect(stored.messages[0]!.parts[0]!.content).toMatch(
      /^My key is ⟦sealed:[a-z0-9_]+:[a-z0-9]{10}⟧, keep it\.$/,
    )
    expect(stored.title).toMatch(/^About ⟦sealed:/)
    vaults.vault.close()
    const bytes = bytesOnDisk()
    expect(bytes).not.toContain(KEY)
    expect(bytes).not.toContain(KEY.slice(10, 40))
    expect(bytes).not.toContain(Buffer.from(KEY).toString('base64').slice(4, 40))
  })

  test('come back for whoever holds the key, in text and in arguments', () => {
    const { conversationId } = capture(everywhere)
    const [first, second] = messagesOf(conversationId)
    const sealedOf = (message: { id: string; versionHash: string }) =>
      vaults.vault.get<{ sealed: Uint8Array }>('SELECT sealed FROM message_versions WHERE id = ?', [
        `${message.id}:${message.versionHash}`,
      ])!.sealed
    expect(revealParts(vaults.vault, sealedOf(first!), first!.parts)).toEqual(everywhere.messages[0]!.parts)
    expect(revealParts(vaults.vault, sealedOf(second!), second!.parts)).toEqual(everywhere.messages[1]!.parts)
    using stranger = temporaryVault()
    expect(() => revealParts(stranger.vault, sealedOf(first!), first!.parts)).toThrow(
      expect.objectContaining({ code: 'Corrupt' }),
    )
  })

  test('confirm no guess: the hashes of a message differ under another vault key', () => {
    const hash = ({ vault }: TemporaryVault, id: string) =>
      loadConversation(vault, id)!.messages[0]!.versionHash
    const { conversationId } = capture(everywhere)
    using stranger = temporaryVault()
    const there = stranger.vault.transact((tx) =>
      captureConversation(tx, stranger.vault, everywhere, { again: false, capturedAt: 1 }),
    )
    expect(hash(stranger, there.conversationId)).not.toBe(hash(vaults, conversationId))
  })

  test('capturing sealed text again seals nothing twice', () => {
    const { conversationId } = capture(everywhere)
    const [first] = messagesOf(conversationId)
    const { conversationId: copy } = capture(
      conversation([said('a', first!.parts[0]!.content)], { originalId: 'copy' }),
    )
    expect(messagesOf(copy)[0]!.parts).toEqual([{ type: 'text', content: first!.parts[0]!.content }])
  })
})

describe('what is large or strange', () => {
  test('parts beyond an operation go to blobs and come back whole', () => {
    const random = seededRandom('large')
    const content = Array.from({ length: 30_000 }, () => `wörd${random.integer(1e6)}`).join(' ')
    const { conversationId } = capture(conversation([said('a', content), said('b', 'x'.repeat(57_000))]))
    expect(messagesOf(conversationId).map(({ parts }) => parts[0]!.content)).toEqual([
      content,
      'x'.repeat(57_000),
    ])
    expect(vaults.vault.all('SELECT * FROM blobs').length).toBeGreaterThan(1)
    expect(capture(conversation([said('a', content), said('b', 'x'.repeat(57_000))])).status).toBe(
      'unchanged',
    )
  })

  test('just under the limit stays in its row', () => {
    const { conversationId } = capture(conversation([said('a', 'x'.repeat(56_000))]))
    expect(vaults.vault.all('SELECT * FROM blobs')).toEqual([])
    expect(messagesOf(conversationId)[0]!.parts[0]!.content).toHaveLength(56_000)
  })

  test('pages of secrets and boundless metadata still fit their operation', () => {
    const keys = Array.from({ length: 1_500 }, (_, at) => `password: "Xk9-${at}-qPz7!vbn"`).join('\n')
    const { conversationId } = capture(
      conversation([said('a', keys, { metadata: { blob: 'm'.repeat(200_000) } })], {
        metadata: { blob: 'm'.repeat(200_000) },
      }),
    )
    expect(messagesOf(conversationId)).toHaveLength(1)
  })

  test('NUL and lone surrogates are replaced, with a note', () => {
    const result = capture(
      conversation([said('a', 'x\0y\ud800z', { metadata: { 'k\0': 'v\ud800' } })], { title: 'T\0' }),
    )
    expect(result.notes).toEqual(['characters no text may hold, replaced'])
    expect(messagesOf(result.conversationId)[0]!.parts[0]!.content).toBe('x\ufffdy\ufffdz')
  })

  test('a part beyond the limit is refused with a code', () => {
    expect(() => capture(conversation([said('a', 'x'.repeat(32 * 1024 * 1024 + 1))]))).toThrow(
      expect.objectContaining({ code: 'TooLarge' }),
    )
  })

  test('the raw record is kept, sealed, byte for byte', () => {
    const raw = Buffer.from(JSON.stringify({ original: 'gauge readings', filler: 'x'.repeat(5_000) }))
    capture(conversation([said('a', 'one')]), { raw })
    const [row] = vaults.vault.all<{ sealed: Uint8Array }>('SELECT sealed FROM raw_records')
    expect(Buffer.from(openRawRecord(vaults.vault, row!.sealed))).toEqual(raw)
    expect(row!.sealed.length).toBeLessThan(500)
    expect(Buffer.from(row!.sealed).toString('latin1')).not.toContain('gauge')
  })

  test('5,000 messages with one parent each are stored within seconds', () => {
    const messages = Array.from({ length: 5_000 }, (_, at) => said(`m${at}`, `text ${at}`))
    const start = performance.now()
    capture(conversation(messages))
    const ms = performance.now() - start
    console.log(`5,000 messages captured in ${ms.toFixed(0)} ms`)
    expect(ms).toBeLessThan(20_000)
  })
})
