import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contextView } from '../../../rpc/cli/views/context.ts'
import { conversationView } from '../../../rpc/cli/views/conversation.ts'
import { conversationsView } from '../../../rpc/cli/views/conversations.ts'
import { searchView } from '../../../rpc/cli/views/search.ts'
import type { Style } from '../../../rpc/cli/views/style.ts'
import { table } from '../../../rpc/cli/views/table.ts'
import { bytes, count, cut, date, duration, oneLine, safe, width } from '../../../rpc/cli/views/text.ts'

const PLAIN: Style = { color: false, columns: Number.POSITIVE_INFINITY }
const TERMINAL: Style = { color: true, columns: 60 }
// biome-ignore lint/suspicious/noControlCharactersInRegex: what must not come through
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
const EVIL = 'a\u001b[2J\u001b]0;pwned\u0007b\u009b31m\u202ec\r\nd\te'

const item = (title: string, over: object = {}) => ({
  id: 'c1',
  provider: 'claude',
  title,
  createdAt: 0,
  updatedAt: 0,
  messageCount: 2,
  state: 'ACTIVE' as const,
  tags: [],
  ...over,
})

describe('text of others', () => {
  it('never steers the terminal, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(safe(text)).not.toMatch(CONTROL)
        expect(oneLine(text)).not.toMatch(/[\n\r\t]/)
        expect(oneLine(text)).not.toMatch(CONTROL)
      }),
    )
  })

  it('keeps its lines where lines are shown, and every letter that is one', () => {
    expect(safe('a\r\nb\tc\n')).toBe('a\nb\tc\n')
    expect(safe('Grüße, 漢字 👩‍🚀 ñ שלום')).toBe('Grüße, 漢字 👩‍🚀 ñ שלום')
  })

  it('comes through no view of titles, tags, messages, hits or context', () => {
    const views = [
      conversationsView({ items: [item(EVIL, { tags: [EVIL] })], nextCursor: null }, PLAIN),
      conversationView(
        {
          ...item(EVIL, { tags: [EVIL] }),
          sourceUrl: EVIL,
          model: EVIL,
          version: 1,
          branches: [],
          messages: [
            {
              id: 'm',
              originalMessageId: null,
              parentId: null,
              role: 'user',
              author: EVIL,
              model: null,
              createdAt: 0,
              hidden: false,
              branch: 0,
              parts: [
                { type: 'text', content: EVIL },
                { type: 'code', content: EVIL, language: EVIL },
                { type: 'thought', content: EVIL },
              ],
            },
          ],
        },
        PLAIN,
      ),
      searchView(
        {
          weak: false,
          items: [
            {
              kind: 'unit',
              id: 'u',
              messageId: null,
              originalMessageId: null,
              conversationId: 'c',
              score: 1,
              text: EVIL,
              date: null,
              why: [{ term: EVIL, value: 1 }],
            },
          ],
        },
        PLAIN,
      ),
      contextView(
        {
          text: EVIL,
          tokens: 1,
          maxTokens: 2,
          tokenizer: 'o200k_base',
          layers: [],
          items: [],
          dropped: [{ id: 'x', reason: EVIL }],
          warnings: [EVIL],
          prefixHash: '',
          engineVersion: '',
          epoch: '',
        },
        PLAIN,
        { why: true },
      ),
    ]
    for (const view of views) {
      expect(view).toContain('pwned')
      expect(view).not.toMatch(CONTROL)
    }
  })
})

describe('a conversation', () => {
  const message = (id: string, branch: number, hidden = false) => ({
    id,
    originalMessageId: null,
    parentId: null,
    role: 'user' as const,
    author: null,
    model: null,
    createdAt: null,
    hidden,
    branch,
    parts: [{ type: 'text' as const, content: `text of ${id}` }],
  })
  const conversation = {
    ...item('T'),
    sourceUrl: null,
    model: null,
    version: 1,
    branches: [
      { branch: 0, leafMessageId: 'b', messageCount: 2 },
      { branch: 1, leafMessageId: 'c', messageCount: 2 },
    ],
    messages: [message('a', 0), message('b', 0), message('c', 1), message('d', 0, true)],
  }
  it('shows its own branch and nothing hidden, and says that there are others', () => {
    const view = conversationView(conversation, PLAIN)
    expect(view.replace(/^└.*$/gm, '').match(/text of \w/g)).toEqual(['text of a', 'text of b'])
    expect(view).toContain('2 branches')
    expect(view).toContain('└ branch 1 · 1 message · user: text of c')
    expect(view).not.toContain('text of d')
    expect(conversationView(conversation, PLAIN, { full: true })).toContain('text of d')
  })
  it('shows the branch that was asked for, with the part it shares', () => {
    const asked = { ...conversation, messages: [message('a', 0), message('c', 1)] }
    expect(conversationView(asked, PLAIN, { branch: 1 }).match(/text of \w/g)).toEqual([
      'text of a',
      'text of c',
    ])
  })
})

describe('tables', () => {
  it('align by what a terminal shows, wide letters and combining marks included', () => {
    const lines = table(
      ['A', 'B'],
      [
        ['漢字', 'x'],
        ['e\u0301e', 'y'],
        ['abcd', 'z'],
      ],
      PLAIN,
    ).split('\n')
    expect(lines.slice(1, 4).map((line) => width(line.slice(0, line.search(/[xyz]$/))))).toEqual([6, 6, 6])
  })

  it('never are wider than the terminal when the last column can give way, and are not cut elsewhere', () => {
    const rows = [
      ['id', 'x'.repeat(500)],
      ['id', '漢'.repeat(300)],
    ]
    const onTerminal = table(['A', 'B'], rows, { ...TERMINAL, color: false })
    for (const line of onTerminal.split('\n')) expect(width(line)).toBeLessThanOrEqual(60)
    expect(table(['A', 'B'], rows, PLAIN)).toContain('x'.repeat(500))
  })

  it('cut only what is too long, and then by an ellipsis', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 40 }),
        fc.integer({ min: 1, max: 30 }),
        (text, columns) => {
          const short = cut(text, columns)
          expect(width(short)).toBeLessThanOrEqual(Math.max(columns, 1))
          if (width(text) <= columns) expect(short).toBe(text)
          else expect(short.endsWith('…') && text.startsWith(short.slice(0, -1))).toBe(true)
        },
      ),
    )
  })
})

describe('numbers', () => {
  it('read as people write them', () => {
    expect([bytes(999), bytes(1_500_000), bytes(2e9)]).toEqual(['999 B', '1.5 MB', '2.0 GB'])
    expect([duration(12.4), duration(1_250), duration(185_000), duration(3_660_000)]).toEqual([
      '12 ms',
      '1.3 s',
      '3 min 5 s',
      '1 h 1 min',
    ])
    expect([count(1, 'unit'), count(12_345, 'unit')]).toEqual(['1 unit', '12,345 units'])
    expect([date(null), date(Number.NaN), date(8.64e15 + 1)]).toEqual(['-', '-', '-'])
    expect(date(new Date(2026, 0, 2, 3, 4).getTime())).toBe('2026-01-02 03:04')
  })
})
