import { describe, expect, test } from 'vitest'
import { importSession } from '../../support/import-session.ts'
import { zipOf } from './hostile-zip.ts'

const said = (id: string, parent: string | null, content: unknown, more: object = {}) => ({
  id,
  parent,
  children: [],
  message: {
    id,
    author: { role: 'user' },
    create_time: 1_760_000_000.25,
    content: { content_type: 'text', parts: [content] },
    ...more,
  },
})
type Node = ReturnType<typeof said> | null
const chat = (id: string, nodes: Record<string, Node | object>, more: object = {}) => ({
  id,
  title: id,
  mapping: nodes,
  ...more,
})
const good = chat('good', { a: said('a', null, 'well') })
const json = (...chats: unknown[]) => Buffer.from(JSON.stringify(chats))
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')
const big = (megabytes: number) => 'word '.repeat(megabytes * 200_000)

interface Outcome {
  readonly created: number
  readonly failed?: number
  readonly errors?: readonly string[]
  readonly skipped?: readonly string[]
  /** The words stored, in order of the messages. */
  readonly words?: readonly string[]
  readonly times?: readonly (number | null)[]
}

/** Each beside a good conversation, which is stored whatever stands next to it. */
const BROKEN: [name: string, bytes: () => Buffer | Promise<Buffer>, outcome: Outcome][] = [
  [
    'cut off in the middle',
    () => json(good, good).subarray(0, JSON.stringify(good).length + 80),
    { created: 1, failed: 1, errors: ['Corrupt'] },
  ],
  [
    'a circle of messages',
    () => json(good, chat('c', { a: said('x', 'b', '1'), b: said('y', 'a', '2') })),
    { created: 2, skipped: ['messages that follow each other in a circle'] },
  ],
  [
    'a message that follows itself',
    () => json(good, chat('c', { a: said('x', 'a', '1') })),
    { created: 2, skipped: ['messages that follow each other in a circle'] },
  ],
  [
    'an orphan',
    () => json(good, chat('c', { a: said('x', 'gone', '1'), b: said('y', null, '2') })),
    { created: 2, skipped: ['messages that follow a missing one'] },
  ],
  [
    'null in place of a mapping',
    () => json(good, { id: 'c', title: 'c', mapping: null }),
    { created: 1, skipped: ['a corrupted entry without its messages'] },
  ],
  [
    'null in place of nodes',
    () => json(good, chat('c', { a: null, b: { message: null } })),
    { created: 1, skipped: ['a conversation without a message'] },
  ],
  [
    'null in place of a conversation',
    () => json(good, null, [], 'x', 5),
    { created: 1, skipped: ['not a conversation'] },
  ],
  [
    'lone surrogates and NUL',
    () =>
      Buffer.from(
        `[${JSON.stringify(good)},${JSON.stringify(chat('c', { a: said('x', null, 'P') })).replace('"P"', '"a\\ud800b\\u0000c"')}]`,
      ),
    { created: 2, words: ['a\ufffdb\ufffdc'], skipped: ['characters no text may hold, replaced'] },
  ],
  ['10 MB in one message', () => json(good, chat('c', { a: said('x', null, big(10)) })), { created: 2 }],
  [
    'more in one message than there may be',
    () => json(good, chat('c', { a: said('x', null, big(40)) })),
    { created: 1, failed: 1, errors: ['TooLarge'] },
  ],
  [
    'bytes of Latin-1',
    () => Buffer.from(json(good, chat('c', { a: said('x', null, 'gr\u00fcn') })).toString(), 'latin1'),
    { created: 2, words: ['gr\ufffdn'], skipped: ['bytes that are no UTF-8, replaced'] },
  ],
  [
    'UTF-16 with its mark',
    () => utf16(JSON.stringify([good, chat('c', { a: said('x', null, 'grün') })])),
    { created: 2, words: ['grün'] },
  ],
  [
    'UTF-8 with its mark',
    () =>
      Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), json(good, chat('c', { a: said('x', null, 'grün') }))]),
    { created: 2, words: ['grün'] },
  ],
  [
    'times of every kind',
    () =>
      json(
        good,
        chat('c', {
          a: said('x', null, '1', { create_time: 1_760_000_000.5 }),
          b: said('y', 'a', '2', { create_time: '1760000001' }),
          c: said('z', 'b', '3', { create_time: { $date: { $numberLong: '1760000002000' } } }),
          d: said('u', 'c', '4', { create_time: '2025-10-09T08:53:23Z' }),
          e: said('v', 'd', '5', { create_time: null }),
          f: said('w', 'e', '6', { create_time: -1e300 }),
        }),
      ),
    {
      created: 2,
      words: ['1', '2', '3', '4', '5', '6'],
      times: [500, 1_000, 2_000, 3_000, 3_000, 3_000].map((ms) => 1_760_000_000_000 + ms),
    },
  ],
  [
    'deeper than anyone talks',
    () => Buffer.from(`[${JSON.stringify(good)},${'['.repeat(300)}${']'.repeat(300)}]`),
    { created: 1, failed: 1, errors: ['Corrupt'] },
  ],
  [
    'an archive with a flipped byte',
    async () => {
      const zip = await zipOf([
        { name: 'a.json', data: json(good), compress: false },
        { name: 'b.json', data: json(chat('c', { a: said('x', null, 'flip me') })), compress: false },
      ])
      zip[zip.indexOf('flip me')]! ^= 1
      return zip
    },
    { created: 2, errors: ['Corrupt'] },
  ],
]

describe('broken input', () => {
  test.each(BROKEN)(
    '%s',
    async (_, made, { created, failed = 0, errors = [], skipped = [], words, times }) => {
      await using session = importSession()
      const report = await session.imported({ data: await made() })
      expect(report).toMatchObject({ state: 'done', conversations: { created, failed } })
      expect(report.errors.map(({ code }) => code)).toEqual(errors)
      expect(report.skipped.map(({ reason }) => reason)).toEqual(skipped)
      const { vault } = session.vaults
      expect(vault.get('SELECT id FROM conversations WHERE original_id = ?', ['good'])).toBeDefined()
      // Nothing half-written: each message has its words, each conversation its messages, its shown message and its raw record.
      expect(
        vault.all(
          "SELECT m.id FROM messages m WHERE NOT EXISTS (SELECT 1 FROM message_versions v WHERE v.id = m.id || ':' || m.version_hash)",
        ),
      ).toEqual([])
      expect(
        vault.all(
          'SELECT id FROM conversations c WHERE NOT EXISTS (SELECT 1 FROM messages m WHERE m.id = c.current_message_id)',
        ),
      ).toEqual([])
      expect(vault.get<{ n: number }>('SELECT count(*) AS n FROM raw_records')!.n).toBe(created)
      const stored = vault.all<{ parts_json: string | null; created_at: number | null }>(
        `SELECT v.parts_json, m.created_at FROM messages m JOIN message_versions v ON v.message_id = m.id
       JOIN conversations c ON c.id = m.conversation_id WHERE c.original_id = 'c' ORDER BY m.position`,
      )
      if (words)
        expect(stored.map(({ parts_json }) => JSON.parse(parts_json ?? '[]')[0]?.content)).toEqual(words)
      if (times) expect(stored.map(({ created_at }) => created_at)).toEqual(times)
    },
  )
})
