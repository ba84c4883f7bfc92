import { describe, expect, test } from 'vitest'
import { claude } from '../../../daemon/capture/providers/claude.ts'
import type { Json, JsonObject } from '../../../daemon/capture/providers/json-value.ts'
import { CaptureConversation } from '../../../schema/capture.ts'

const JUNK = '```\nThis block is not supported on your current device yet.\n```'

function parse(element: JsonObject) {
  const parsed = claude.parse(element)
  for (const each of parsed.conversations) expect(CaptureConversation.safeParse(each).error).toBeUndefined()
  return { ...parsed, first: parsed.conversations[0]! }
}

const exported = (messages: JsonObject[], more: JsonObject = {}): JsonObject => ({
  uuid: 'c1',
  name: 'T',
  created_at: '2026-01-02T03:04:05.123456Z',
  chat_messages: messages,
  ...more,
})
const said = (uuid: string, more: JsonObject = {}): JsonObject => ({
  uuid,
  sender: 'human',
  text: uuid,
  ...more,
})
const partsOf = (more: JsonObject) => parse(exported([said('a', more)])).first.messages[0]!.parts

describe('a Claude conversation', () => {
  test('branches by parent_message_uuid, the shown leaf, roles and times', () => {
    const root = '00000000-0000-4000-8000-000000000000'
    const { first, notes } = parse(
      exported(
        [
          said('q', { parent_message_uuid: root, created_at: '2026-01-02T03:04:05Z' }),
          said('a1', { sender: 'assistant', parent_message_uuid: 'q', created_at: '2026-01-02T03:04:06Z' }),
          said('a2', { sender: 'assistant', parent_message_uuid: 'q', created_at: '2026-01-02T03:04:07Z' }),
          said('q-edited', { parent_message_uuid: root, created_at: '2026-01-02T03:04:08Z' }),
        ],
        { current_leaf_message_uuid: 'a1' },
      ),
    )
    expect(notes).toEqual([])
    expect(first.messages.map(({ id, parentId, role }) => [id, parentId, role])).toEqual([
      ['q', null, 'user'],
      ['a1', 'q', 'assistant'],
      ['a2', 'q', 'assistant'],
      ['q-edited', 'root', 'user'],
    ])
    expect(first).toMatchObject({ currentMessageId: 'a1', createdAt: Date.UTC(2026, 0, 2, 3, 4, 5, 123) })
  })

  test('an older export without parents is a list; a share snapshot has the conversation’s own id', () => {
    const { first } = parse({
      uuid: 'snapshot',
      conversation_uuid: 'c1',
      snapshot_name: 'Shared',
      chat_messages: [said('a', { content: null }), said('b', { sender: 'assistant', content: null })],
    })
    expect(first).toMatchObject({ originalId: 'c1', title: 'Shared' })
    expect(first.messages.map(({ id, parentId, parts }) => [id, parentId, parts[0]!.content])).toEqual([
      ['a', undefined, 'a'],
      ['b', undefined, 'b'],
    ])
  })

  test('messages without ids, with the id of another, and things that are no message', () => {
    expect(
      parse(
        exported([
          { sender: 'human', text: 'one' },
          { sender: 'assistant', text: 'two' },
        ]),
      ).first.messages,
    ).toHaveLength(2)
    const doubled = exported([
      said('a', { parent_message_uuid: 'r' }),
      said('a', { parent_message_uuid: 'r', text: 'again' }),
    ])
    expect(parse(doubled)).toMatchObject({ notes: ['messages with the id of another'] })
    expect(
      claude.parse(exported([null as unknown as JsonObject, 'x' as unknown as JsonObject])),
    ).toMatchObject({
      skipped: ['a conversation without a message'],
    })
  })

  test('a design session', () => {
    const session = {
      uuid: 's1',
      project: { uuid: 'p1', name: 'Poster' },
      messages: [
        {
          uuid: 'm1',
          role: 'user',
          content: {
            role: 'user',
            content: 'Make it blue',
            authorName: 'Ann',
            timestamp: '2026-08-01T10:00:01.000Z',
          },
        },
        {
          uuid: 'm2',
          role: 'assistant',
          content: { role: 'assistant', content: [{ type: 'text', text: 'Done' }] },
        },
      ],
    }
    expect(claude.detect(session)).toBe(true)
    const { first } = parse(session)
    expect(first).toMatchObject({ originalId: 's1', title: 'Poster' })
    expect(first.messages[0]).toEqual({
      id: 'm1',
      role: 'user',
      author: 'Ann',
      createdAt: Date.UTC(2026, 7, 1, 10, 0, 1),
      parts: [{ type: 'text', content: 'Make it blue' }],
    })
    expect(first.messages[1]!.parts).toEqual([{ type: 'text', content: 'Done' }])
  })

  test.each([
    ['OpenAI messages', { project: {}, uuid: 'x', messages: [{ role: 'user', content: 'plain' }] }],
    ['ChatGPT', { mapping: {} }],
    ['a list of other things', { chat_messages: [{ from: 'x' }], uuid: 'x' }],
    ['users.json', { uuid: 'x', full_name: 'Ann' }],
  ])('not Claude: %s', (_, element) => expect(claude.detect(element as unknown as JsonObject)).toBe(false))
})

describe('parts of a Claude message', () => {
  test('content wins over text and its junk', () => {
    expect(partsOf({ text: `${JUNK}\n\nHello`, content: [{ type: 'text', text: 'Hello' }] })).toEqual([
      { type: 'text', content: 'Hello' },
    ])
    expect(partsOf({ text: `Before\n${JUNK}\nafter`, content: [] })).toEqual([
      { type: 'text', content: 'Before\n\nafter' },
    ])
    expect(partsOf({ text: JUNK, content: [] })).toEqual([])
    expect(partsOf({ text: '  indented stays' })).toEqual([{ type: 'text', content: '  indented stays' }])
  })

  test('thinking, tools, results, citations and unknown blocks in order', () => {
    const content: Json = [
      { type: 'thinking', thinking: 'hm', summaries: [{ summary: 'S' }], cut_off: false },
      {
        type: 'text',
        text: 'Look',
        citations: [
          { start_index: 0, end_index: 4, details: { type: 'web', url: 'https://a.example', title: 'A' } },
        ],
      },
      { type: 'tool_use', id: 't1', name: 'repl', input: { code: '1+1' } },
      {
        type: 'tool_result',
        tool_use_id: 't1',
        name: 'repl',
        content: [
          { type: 'text', text: '2' },
          { type: 'image', file_uuid: 'f' },
        ],
        is_error: false,
      },
      { type: 'tool_result', tool_use_id: 't2', name: 'x', content: 'plain', is_error: true },
      { type: 'token_budget', remaining: 5 },
      { type: 'novelty', payload: 1 },
    ]
    expect(partsOf({ content })).toEqual([
      { type: 'thought', content: 'hm', metadata: { summaries: ['S'] } },
      { type: 'text', content: 'Look' },
      {
        type: 'citation',
        content: 'A',
        metadata: { url: 'https://a.example', title: 'A', kind: 'web', start: 0, end: 4 },
      },
      { type: 'tool_call', content: '', metadata: { id: 't1', name: 'repl', arguments: { code: '1+1' } } },
      {
        type: 'tool_result',
        content: '2',
        metadata: { id: 't1', name: 'repl', items: [{ type: 'image', file_uuid: 'f' }] },
      },
      { type: 'tool_result', content: 'plain', metadata: { id: 't2', name: 'x', isError: true } },
      { type: 'file', content: '', metadata: { block: { type: 'novelty', payload: 1 } } },
    ])
  })

  test('an artifact is a part that can be found, beside the call that made it', () => {
    const artifact = (input: JsonObject) =>
      partsOf({ content: [{ type: 'tool_use', id: 't', name: 'artifacts', input }] })
    expect(
      artifact({
        id: 'x',
        title: 'Sum',
        type: 'application/vnd.ant.code',
        language: 'Python',
        content: 'a = 1',
      }),
    ).toEqual([
      {
        type: 'tool_call',
        content: '',
        metadata: {
          id: 't',
          name: 'artifacts',
          arguments: { id: 'x', title: 'Sum', type: 'application/vnd.ant.code', language: 'Python' },
        },
      },
      { type: 'code', language: 'python', content: 'a = 1', metadata: { artifact: 'Sum', of: 't' } },
    ])
    expect(artifact({ id: 'x', type: 'text/markdown', content: '# Plan' })[1]).toMatchObject({
      type: 'text',
      content: '# Plan',
    })
    expect(artifact({ id: 'x', type: 'application/vnd.ant.mermaid', content: 'graph' })[1]).toMatchObject({
      type: 'mermaid',
    })
  })

  test('attachments carry their document, files their name, each file once', () => {
    const parts = partsOf({
      attachments: [{ file_name: 'a.csv', file_size: 3, file_type: 'text/csv', extracted_content: '1,2' }],
      files: [{ file_uuid: 'f1', file_name: 'b.pdf' }],
      files_v2: [
        { file_uuid: 'f1', file_name: 'b.pdf', file_kind: 'document' },
        { file_uuid: 'f2', file_name: 'c.png', file_kind: 'image' },
      ],
    })
    expect(parts).toEqual([
      { type: 'text', content: 'a' },
      {
        type: 'file',
        content: '1,2',
        metadata: { name: 'a.csv', mimeType: 'text/csv', sizeBytes: 3, attachment: true },
      },
      { type: 'file', content: '', metadata: { id: 'f1', name: 'b.pdf' } },
      { type: 'image', content: '', metadata: { id: 'f2', name: 'c.png', kind: 'image' } },
    ])
  })
})
