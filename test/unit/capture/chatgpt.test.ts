import { describe, expect, test } from 'vitest'
import { chatgpt } from '../../../daemon/capture/providers/chatgpt.ts'
import type { JsonObject } from '../../../daemon/capture/providers/json-value.ts'
import { CaptureConversation } from '../../../schema/capture.ts'

interface Made {
  readonly id: string
  readonly parent?: string | null
  readonly message?: JsonObject | null
}

const message = (role: string, content: JsonObject | string, more: JsonObject = {}): JsonObject => ({
  author: { role, name: null, metadata: {} },
  create_time: 1_700_000_000,
  content: typeof content === 'string' ? { content_type: 'text', parts: [content] } : content,
  weight: 1,
  metadata: {},
  recipient: 'all',
  ...more,
})

function conversation(nodes: readonly Made[], more: JsonObject = {}): JsonObject {
  const mapping: JsonObject = {}
  for (const { id, parent, message: said } of nodes)
    mapping[id] = {
      id,
      message: said ? { id, ...said } : null,
      parent: parent ?? null,
      children: nodes.filter((node) => node.parent === id).map((node) => node.id),
    }
  return { id: 'c1', title: 'T', mapping, ...more }
}

function parse(element: JsonObject) {
  const parsed = chatgpt.parse(element)
  for (const each of parsed.conversations) expect(CaptureConversation.safeParse(each).error).toBeUndefined()
  return { ...parsed, first: parsed.conversations[0]! }
}

const partsOf = (content: JsonObject | string, more: JsonObject = {}, role = 'assistant') =>
  parse(conversation([{ id: 'a', message: message(role, content, more) }])).first.messages[0]!.parts

describe('a ChatGPT conversation', () => {
  test('the shown branch ends at current_node; regenerations and edits stay as siblings, in order of time', () => {
    const at = (seconds: number) => ({ create_time: 1_700_000_000 + seconds })
    const { first, notes } = parse(
      conversation(
        [
          { id: 'root' },
          { id: 'q1', parent: 'root', message: message('user', 'first question', at(0)) },
          { id: 'a1', parent: 'q1', message: message('assistant', 'first answer', at(1)) },
          { id: 'a2', parent: 'q1', message: message('assistant', 'regenerated', at(2)) },
          { id: 'q2', parent: 'root', message: message('user', 'edited question', at(3)) },
          { id: 'a3', parent: 'q2', message: message('assistant', 'its answer', at(4)) },
        ],
        { current_node: 'a2' },
      ),
    )
    expect(first.messages.map(({ id, parentId }) => [id, parentId])).toEqual([
      ['q1', null],
      ['a1', 'q1'],
      ['a2', 'q1'],
      ['q2', 'root'],
      ['a3', 'q2'],
    ])
    expect(first.currentMessageId).toBe('a2')
    expect(notes).toEqual([])
  })

  test('a child is after its parent whatever the clocks say, and a message without a time has the one above', () => {
    const { first } = parse(
      conversation([
        { id: 'a', message: message('user', 'one', { create_time: 1_700_000_100.5 }) },
        { id: 'b', parent: 'a', message: message('assistant', 'two', { create_time: 1_600_000_000 }) },
        { id: 'c', parent: 'b', message: message('assistant', 'three', { create_time: null }) },
      ]),
    )
    expect(first.messages.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(first.messages[0]!.createdAt).toBe(1_700_000_100_500)
    expect(first.messages[2]).toMatchObject({ metadata: { timePrecision: 'inherited' } })
  })

  test('empty nodes are stepped over, also as current_node', () => {
    const { first } = parse(
      conversation(
        [
          { id: 'root' },
          { id: 'a', parent: 'root', message: message('user', 'one') },
          { id: 'gap', parent: 'a' },
          { id: 'b', parent: 'gap', message: message('assistant', 'two') },
          { id: 'end', parent: 'b' },
        ],
        { current_node: 'end' },
      ),
    )
    expect(first.messages.map(({ id, parentId }) => [id, parentId])).toEqual([
      ['a', null],
      ['b', 'a'],
    ])
    expect(first.currentMessageId).toBe('b')
  })

  test.each([
    ['weight 0', message('system', 'x', { weight: 0 })],
    ['visually hidden', message('user', 'x', { metadata: { is_visually_hidden_from_conversation: true } })],
    [
      'custom instructions',
      message('user', {
        content_type: 'user_editable_context',
        user_profile: 'I am Ann',
        user_instructions: '',
      }),
    ],
    [
      'memory',
      message('assistant', { content_type: 'model_editable_context', model_set_context: 'Likes tea' }),
    ],
  ])('kept and hidden: %s', (_, said) => {
    const { first } = parse(conversation([{ id: 'a', message: said }]))
    expect(first.messages[0]!.hidden).toBe(true)
    expect(first.messages[0]!.parts).toHaveLength(1)
  })

  test('a circle is cut, an orphan becomes a root, a missing parent is found from its children; each is noted', () => {
    const element = conversation([
      { id: 'a', parent: 'c', message: message('user', 'one') },
      { id: 'b', parent: 'a', message: message('assistant', 'two') },
      { id: 'c', parent: 'b', message: message('user', 'three') },
      { id: 'o', parent: 'gone', message: message('user', 'orphan') },
    ])
    const { first, notes } = parse(element)
    expect(first.messages).toHaveLength(4)
    expect(notes).toEqual([
      'messages that follow each other in a circle',
      'messages that follow a missing one',
    ])
    const half = conversation([
      { id: 'a', message: message('user', 'one') },
      { id: 'b', parent: 'a', message: message('assistant', 'two') },
    ])
    ;(half.mapping as { b: JsonObject }).b.parent = null
    expect(parse(half).first.messages[1]!.parentId).toBe('a')
  })

  test('a chain of 20,000 messages does not overflow the stack', () => {
    const nodes = Array.from({ length: 20_000 }, (_, at) => ({
      id: `m${at}`,
      parent: at === 0 ? null : `m${at - 1}`,
      message: message('user', `${at}`),
    }))
    const element = conversation(nodes.slice(0, 10).concat([]))
    const mapping: JsonObject = {}
    for (const { id, parent, message: said } of nodes.reverse())
      mapping[id] = { id, parent, children: [], message: { id, ...said } }
    const { first } = parse({ ...element, mapping })
    expect(first.messages.map(({ parts }) => Number(parts[0]!.content))).toEqual(
      Array.from({ length: 20_000 }, (_, at) => at),
    )
  })

  test.each([
    ['no mapping', { id: 'x', title: 'Corrupted' }, 'a corrupted entry without its messages'],
    ['mapping is a list', { mapping: [] }, 'a corrupted entry without its messages'],
    ['no message at all', conversation([{ id: 'root' }]), 'a conversation without a message'],
  ])('skipped with a reason: %s', (_, element, reason) => {
    expect(chatgpt.parse(element as JsonObject)).toEqual({ conversations: [], skipped: [reason], notes: [] })
  })

  test('the capture of a browser extension gives the native conversation, not its fallback', () => {
    const native = conversation([{ id: 'a', message: message('user', 'Hi') }])
    const { first } = parse({
      session: { title: 'DOM title', turns: [] },
      provenance: { source_url: 'https://chatgpt.com/c/c1' },
      raw_provider_payload: native,
    })
    expect(first).toMatchObject({ title: 'T', originalId: 'c1', sourceUrl: 'https://chatgpt.com/c/c1' })
    expect(chatgpt.detect({ raw_provider_payload: native })).toBe(true)
  })

  test('titles, ids and names beyond what the canonical form takes are cut', () => {
    const { first } = parse(
      conversation(
        [{ id: 'a', message: message('user', 'Hi', { author: { role: 'user', name: 'n'.repeat(900) } }) }],
        {
          title: 't'.repeat(5_000),
          conversation_id: 'i'.repeat(5_000),
        },
      ),
    )
    expect([first.title!.length, first.originalId!.length, first.messages[0]!.author!.length]).toEqual([
      1_000, 500, 200,
    ])
  })
})

describe('parts of a ChatGPT message', () => {
  const about = (extra: object) => expect.objectContaining(extra)

  test('code for the reader, a call to a tool, and code that a tool runs', () => {
    expect(
      partsOf({ content_type: 'code', language: 'python', text: 'print(1)' }, { recipient: 'python' }),
    ).toEqual([{ type: 'code', language: 'python', content: 'print(1)', metadata: { recipient: 'python' } }])
    expect(
      partsOf({ content_type: 'code', language: 'unknown', text: 'search("x")' }, { recipient: 'browser' }),
    ).toEqual([{ type: 'tool_call', content: 'search("x")', metadata: { name: 'browser' } }])
    expect(
      partsOf(
        { content_type: 'code', language: 'json', text: '{}' },
        { recipient: 'canmore.create_textdoc' },
      ),
    ).toEqual([{ type: 'tool_call', content: '{}', metadata: { name: 'canmore.create_textdoc' } }])
    expect(partsOf('{"q":1}', { recipient: 'web.run' })).toEqual([
      { type: 'tool_call', content: '{"q":1}', metadata: { name: 'web.run' } },
    ])
  })

  test('what tools answer', () => {
    const tool = { author: { role: 'tool', name: 'python' } }
    expect(partsOf({ content_type: 'execution_output', text: '2' }, tool)).toEqual([
      { type: 'tool_result', content: '2', metadata: { name: 'python' } },
    ])
    expect(partsOf('done', tool)).toEqual([
      { type: 'tool_result', content: 'done', metadata: { name: 'python' } },
    ])
    expect(
      partsOf(
        { content_type: 'tether_browsing_display', result: 'L0: page', summary: 's', tether_id: 4 },
        tool,
      ),
    ).toEqual([{ type: 'tool_result', content: 'L0: page', metadata: about({ summary: 's', tetherId: 4 }) }])
    expect(
      partsOf(
        {
          content_type: 'tether_quote',
          url: 'https://a.example',
          title: 'A',
          domain: 'a.example',
          text: 'quoted',
        },
        tool,
      ),
    ).toEqual([
      {
        type: 'citation',
        content: 'quoted',
        metadata: { url: 'https://a.example', title: 'A', domain: 'a.example' },
      },
    ])
    expect(partsOf({ content_type: 'system_error', name: 'ToolError', text: 'boom' }, tool)).toEqual([
      { type: 'tool_result', content: 'boom', metadata: { name: 'python', error: 'ToolError' } },
    ])
  })

  test('thoughts and their recap', () => {
    const thoughts = {
      content_type: 'thoughts',
      thoughts: [
        { summary: 'S', content: 'A' },
        { content: '', chunks: ['B', 'C'] },
      ],
    }
    expect(partsOf(thoughts)).toEqual([
      { type: 'thought', content: 'A', metadata: { summary: 'S' } },
      { type: 'thought', content: 'BC' },
    ])
    expect(partsOf({ content_type: 'reasoning_recap', content: 'Thought for 6 s' })).toEqual([
      { type: 'thought', content: 'Thought for 6 s', metadata: { recap: true } },
    ])
  })

  test('words, pictures, recordings and unknown things keep their order', () => {
    const content = {
      content_type: 'multimodal_text',
      parts: [
        'before',
        {
          content_type: 'image_asset_pointer',
          asset_pointer: 'file-service://file-1',
          width: 4,
          height: 3,
          size_bytes: 9,
        },
        'between',
        { content_type: 'audio_transcription', text: 'spoken', direction: 'in' },
        { content_type: 'audio_asset_pointer', asset_pointer: 'sediment://a', format: 'wav' },
        { content_type: 'hologram', shape: [1, 2] },
        null,
        '',
      ],
    }
    const metadata = {
      attachments: [
        { id: 'file-1', name: 'cat.png' },
        { id: 'file-2', name: 'notes.pdf', mime_type: 'application/pdf' },
      ],
    }
    expect(partsOf(content as JsonObject, { metadata }, 'user')).toEqual([
      { type: 'text', content: 'before' },
      {
        type: 'image',
        content: 'file-service://file-1',
        metadata: about({ name: 'cat.png', width: 4, height: 3, sizeBytes: 9 }),
      },
      { type: 'text', content: 'between' },
      { type: 'text', content: 'spoken', metadata: { kind: 'audio_transcription', direction: 'in' } },
      { type: 'file', content: 'sediment://a', metadata: { kind: 'audio_asset_pointer', format: 'wav' } },
      { type: 'file', content: '', metadata: { kind: 'hologram', shape: [1, 2] } },
      {
        type: 'file',
        content: '',
        metadata: { id: 'file-2', name: 'notes.pdf', mimeType: 'application/pdf' },
      },
    ])
  })

  test('a kind of content not known yet loses nothing', () => {
    const content = { content_type: 'brand_new', payload: { deep: ['x'] } }
    expect(partsOf(content)).toEqual([
      { type: 'file', content: '', metadata: { contentType: 'brand_new', value: content } },
    ])
    expect(partsOf({ content_type: 'brand_new', text: 'words' })).toEqual([
      { type: 'text', content: 'words' },
    ])
  })

  test('citation marks leave the text and their sources become parts; text and marks give back the original', () => {
    const mark = '\ue200cite\ue202turn0search1\ue202turn0search2\ue201'
    const source = `Lisbon is hilly ${mark}. Take tram 28【4†source】.`
    const reference = {
      matched_text: mark,
      type: 'grouped_webpages',
      items: [
        { title: 'Guide', url: 'https://guide.example/1' },
        { title: 'Hills', url: 'https://guide.example/2' },
      ],
    }
    const [text, ...citations] = partsOf(source, { metadata: { content_references: [reference] } })
    expect(text!.content).toBe('Lisbon is hilly . Take tram 28.')
    expect(citations.map(({ type, content, metadata }) => [type, content, metadata!.url])).toEqual([
      ['citation', 'Guide', 'https://guide.example/1'],
      ['citation', 'Hills', 'https://guide.example/2'],
    ])
    const marks = text!.metadata!.marks as { at: number; mark: string }[]
    let restored = text!.content
    for (const { at, mark: cut } of [...marks].reverse())
      restored = restored.slice(0, at) + cut + restored.slice(at)
    expect(restored).toBe(source)
  })

  test('marks that stand for words keep the words; broken marks go', () => {
    const [text] = partsOf(
      'Visit \ue200entity\ue202["city","Lisbon","capital"]\ue201 or \ue200url\ue202this page\ue202https://x.example\ue201\ue203 now\ue204 \ue200cite',
    )
    expect(text!.content).toBe('Visit Lisbon or this page now cite')
  })

  test('text that only looks like a mark stays', () => {
    for (const words of ['【注意】 read this', 'a † dagger', '【no dagger here】'])
      expect(partsOf(words)).toEqual([{ type: 'text', content: words }])
  })
})
