import { describe, expect, it } from 'vitest'
import { conversationView } from '../../../rpc/cli/views/conversation.ts'
import type { Style } from '../../../rpc/cli/views/style.ts'
import type { Result } from '../../../schema/methods/index.ts'

type Conversation = Result<'conversations.get'>
type Part = Conversation['messages'][number]['parts'][number]

const PLAIN: Style = { color: false, columns: Number.POSITIVE_INFINITY }
const COLOR: Style = { color: true, columns: 80 }

const message = (id: string, parentId: string | null, branch: number, parts: Part[], more: object = {}) => ({
  id,
  originalMessageId: null,
  parentId,
  role: 'assistant' as const,
  author: null,
  model: null,
  createdAt: null,
  hidden: false,
  branch,
  parts,
  ...more,
})
const text = (content: string): Part => ({ type: 'text', content })
const conversation = (messages: Conversation['messages'], branches = 1): Conversation => ({
  id: 'c',
  provider: 'chatgpt',
  title: 'T',
  createdAt: null,
  updatedAt: null,
  messageCount: messages.length,
  state: 'ACTIVE',
  tags: [],
  sourceUrl: null,
  model: null,
  version: 1,
  messages,
  branches: Array.from({ length: branches }, (_, branch) => ({ branch, leafMessageId: '', messageCount: 1 })),
})
const shown = (parts: Part[], style = PLAIN, options = {}) =>
  conversationView(conversation([message('a', null, 0, parts)]), style, options)
    .split('\n')
    .slice(4, -1)
    .join('\n')
const ESCAPE = String.fromCharCode(27)
/** Escapes as a reader of the test sees them. */
const marked = (view: string) => view.replace(new RegExp(`${ESCAPE}\\[(\\d+)m`, 'g'), '<$1>')

const MARKDOWN = `# Title
Some **bold** and *soft* words, \`a*b*c\` and [a page](https://a.example).

- one
  - [x] done
> said

\`\`\`ts
const a = **1**
\`\`\`
snake_case*2*3 stays`

describe('a conversation on a terminal', () => {
  it('leaves Markdown as it is without color', () => expect(shown([text(MARKDOWN)])).toBe(MARKDOWN))

  it('shows headings, emphasis, lists, quotes, links and code with color', () => {
    expect(marked(shown([text(MARKDOWN)], COLOR))).toBe(
      [
        '<4><1>Title<22><24>',
        'Some <1>bold<22> and <3>soft<23> words, <4>a*b*c<24> and a page <2><https://a.example><22>.',
        '',
        '• one',
        '  ☑ done',
        '<2>│ <22><3>said<23>',
        '',
        '<2>┌ ts<22>',
        '<2>│ <22>const a = **1**',
        '<2>└<22>',
        'snake_case*2*3 stays',
      ].join('\n'),
    )
  })

  it('keeps every character of code, and fences it so that it can be copied', () => {
    const code: Part = { type: 'code', language: 'md', content: 'a\n```\n  b  \n' }
    expect(shown([code])).toBe('````md\na\n```\n  b  \n````')
    expect(marked(shown([code], COLOR))).toBe(
      '<2>┌ md<22>\n<2>│ <22>a\n<2>│ <22>```\n<2>│ <22>  b  \n<2>└<22>',
    )
  })

  it('shortens what was not said to the reader, names tools, and never prints data', () => {
    const long = Array.from({ length: 12 }, (_, line) => `line ${line}`).join('\n')
    const parts: Part[] = [
      { type: 'thought', content: long },
      { type: 'tool_call', content: '', metadata: { name: 'search', arguments: { q: 'tea' } } },
      { type: 'tool_result', content: 'found', metadata: { name: 'search' } },
      { type: 'citation', content: 'Tea', metadata: { title: 'Tea', url: 'https://tea.example' } },
      { type: 'image', content: 'data:image/png;base64,AAAA', metadata: { name: 'a.png', sizeBytes: 3 } },
      { type: 'file', content: '', metadata: { name: 'b.pdf' } },
    ]
    const view = shown(parts)
    expect(view).toContain('[thought] line 0\n  line 1')
    expect(view).toContain('… 4 more lines; --full shows all')
    expect(view).toContain('[tool_call: search] {"q":"tea"}')
    expect(view).toContain('[tool_result: search] found')
    expect(view).toContain('[citation] Tea <https://tea.example>')
    expect(view).toContain('[image: a.png (3 bytes)] 26 characters of data')
    expect(view).toContain('[file: b.pdf]')
    expect(shown(parts, PLAIN, { full: true })).toContain('line 11')
  })

  it('names branches where they leave the shown one, also behind hidden messages and at the beginning', () => {
    const view = conversationView(
      conversation(
        [
          message('q', null, 0, [text('the question')], { role: 'user' }),
          message('h', 'q', 0, [text('hidden')], { hidden: true }),
          message('old', 'h', 1, [text('an older answer')]),
          message('older', 'old', 1, [text('and more')]),
          message('a', 'h', 0, [text('the answer')]),
          message('other', null, 2, [text('another beginning')], { role: 'user' }),
          message('deep', 'older', 3, [text('a branch of the branch')]),
        ],
        4,
      ),
      PLAIN,
    )
    expect(view.split('\n')).toEqual([
      'T',
      'chatgpt · -',
      '4 branches; --branch N shows one',
      '└ branch 2 · 1 message · user: another beginning',
      '',
      'user -',
      'the question',
      '└ branch 1 · 2 messages · assistant: an older answer',
      '└ branch 3 · 1 message · assistant: a branch of the branch',
      '',
      'assistant -',
      'the answer',
      '',
    ])
  })
})
