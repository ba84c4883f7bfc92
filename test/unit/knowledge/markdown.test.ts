import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { blocksOf } from '../../../daemon/knowledge/markdown.ts'
import { parseMarkdown } from '../../../daemon/knowledge/markdown-parser.ts'
import { markdownText } from './fixtures/markdown-text.ts'

/** Line ends inside code differ in how they are written only. */
const sameLineEnds = (value: unknown) => JSON.parse(JSON.stringify(value).replaceAll(/\\r\\n|\\r/g, '\\n'))

test('what is read without the parser is what the parser says', () => {
  fc.assert(
    fc.property(markdownText, (text) => {
      expect(sameLineEnds(blocksOf(text))).toEqual(sameLineEnds(parseMarkdown(text)))
    }),
    { numRuns: 2_000 },
  )
})

test('the whole block language, once', () => {
  const text = [
    '# One',
    'para',
    '',
    '```ts',
    'a',
    '',
    'b',
    '```',
    '- x',
    '- y',
    '',
    '> q',
    '',
    '| a | b |',
    '|---|---|',
    '| 1 | 2 |',
    '',
    '$$',
    'x',
    '$$',
    '    code',
  ].join('\n')
  expect(blocksOf(text).map(({ kind }) => kind)).toEqual([
    'heading',
    'paragraph',
    'code',
    'list',
    'quote',
    'table',
    'math',
    'code',
  ])
})

describe('hostile Markdown', () => {
  const cases: [name: string, text: string][] = [
    ['nested quotes', '> '.repeat(100_000)],
    ['nested lists on a line', '- '.repeat(100_000)],
    ['nested lists', Array.from({ length: 600 }, (_, depth) => `${'  '.repeat(depth)}- x`).join('\n')],
    ['100,000 list items', '- item\n'.repeat(100_000)],
    ['one line of 10 MB', 'word '.repeat(2_000_000)],
    ['one word of 10 MB', 'x'.repeat(10_000_000)],
    ['an open fence before 5 MB', `\`\`\`ts\n${'line\n\n'.repeat(700_000)}`],
    ['brackets', '['.repeat(60_000)],
    ['emphasis', '*a _b '.repeat(60_000)],
    ['table pipes', `|${'|'.repeat(50_000)}\n|${'-|'.repeat(25_000)}`],
    ['definitions', '[a]: b\n'.repeat(50_000)],
    ['open HTML', `<div>\n${'x\n\n'.repeat(100_000)}`],
    ['blank lines', '\n'.repeat(2_000_000)],
  ]
  test.each(cases)('%s: bounded time, everything kept', { timeout: 60_000 }, (_, text) => {
    const started = performance.now()
    const blocks = blocksOf(text)
    // The goal for a region at the size limit is 300 ms.
    expect(performance.now() - started).toBeLessThan(5_000)
    let at = 0
    for (const { start, end } of blocks) {
      expect(start).toBeGreaterThanOrEqual(at)
      at = end
    }
  })
})
