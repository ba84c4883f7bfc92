import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { canonicalCode } from '../../../daemon/knowledge/ids.ts'
import { unitsOfPart } from '../../../daemon/knowledge/units.ts'
import type { Part } from '../../../schema/capture.ts'
import { markdownText } from './fixtures/markdown-text.ts'

const text = (content: string): Part => ({ type: 'text', content })
const units = (content: string, role: 'user' | 'assistant' = 'assistant') => unitsOfPart(text(content), role)
const shape = (content: string, role: 'user' | 'assistant' = 'assistant') =>
  units(content, role).map(({ kind, text: written }) => [kind, written])
const SENTENCE = 'The dough rests for a good hour in a warm place until it has doubled.'

/** What may stand between units: blanks, headings, and marks that carry no word. */
function isMarkup(gap: string): boolean {
  return gap.split(/\r\n|\n|\r/).every((line) => {
    const inner = line.replace(/^(?:[ \t]*(?:[>*+-]|\d{1,9}[.)]|#{1,6})(?=[ \t]|$|[`~]|>))+/, '').trim()
    return (
      inner === '' ||
      /^(?:#{1,6}(?:[ \t].*)?|[`~]{3,}.*|=+|(?:[-*_][ \t]*){3,}|-+|\$\$)$/.test(inner) ||
      /^[ \t>*+-]*#{1,6}(?:[ \t]|$)/.test(line)
    )
  })
}

test('lossless: units and what stands between them are the message again, and between them is only markup', () => {
  fc.assert(
    fc.property(markdownText, fc.constantFrom('user' as const, 'assistant' as const), (content, role) => {
      const cut = units(content, role)
      let rebuilt = ''
      let at = 0
      const gaps: string[] = []
      for (const { start, end } of cut) {
        expect(start).toBeGreaterThanOrEqual(at)
        expect(end).toBeGreaterThan(start)
        gaps.push(content.slice(at, start))
        rebuilt += content.slice(at, start) + content.slice(start, end)
        at = end
      }
      gaps.push(content.slice(at))
      expect(rebuilt + content.slice(at)).toBe(content)
      // A line under `===` is a heading too, known by the line after it: left to the parser's own tests.
      if (!/^ {0,3}(?:=+|-+)[ \t]*$/m.test(content))
        for (const gap of gaps) expect(isMarkup(gap), gap).toBe(true)
    }),
    { numRuns: 2_000 },
  )
})

test('a unit holds what its span says: of code every line, of text every character', () => {
  fc.assert(
    fc.property(markdownText, (content) => {
      for (const { kind, text: written, start, end } of units(content)) {
        const source = content.slice(start, end)
        if (kind !== 'code') expect(written).toBe(source)
        else
          for (const line of canonicalCode(written).split('\n'))
            expect(source.replaceAll('\t', '    ')).toContain(line.trim().replaceAll('\t', '    '))
      }
    }),
    { numRuns: 1_000 },
  )
})

describe('splitting', () => {
  test('fenced code is one unit, however many blank lines it has', () => {
    expect(shape(`${SENTENCE}\n\n\`\`\`js\na()\n\n\n\nb()\n\`\`\`\n\n${SENTENCE}`)).toEqual([
      ['text', SENTENCE],
      ['code', 'a()\n\n\n\nb()'],
      ['text', SENTENCE],
    ])
  })

  test('code in a list item comes out with its indentation taken off', () => {
    const [first, code, last] = units(
      `1. ${SENTENCE}\n\n   \`\`\`sh\n   npm i\n\n     x\n   \`\`\`\n2. ${SENTENCE}`,
    )
    expect(first?.text).toBe(`1. ${SENTENCE}`)
    expect([code?.kind, code?.language, code?.text]).toEqual(['code', 'bash', 'npm i\n\n  x'])
    expect(last?.text).toBe(`2. ${SENTENCE}`)
  })

  test('headings are context, not units', () => {
    const cut = units(`# A\n\n${SENTENCE}\n\n## B\n\n${SENTENCE}\n\n# C\n\n${SENTENCE}`)
    expect(cut.map(({ headings }) => headings)).toEqual([['A'], ['A', 'B'], ['C']])
  })

  test('a message of headings only is kept', () => {
    expect(shape('# Just this')).toEqual([['text', '# Just this']])
  })

  test('a short list is one unit with the line that introduces it', () => {
    expect(shape('You need:\n\n- flour\n- water\n- salt')).toEqual([
      ['list', 'You need:\n\n- flour\n- water\n- salt'],
    ])
  })

  test('a list with a long item is split by item', () => {
    const long = `- ${SENTENCE} ${SENTENCE} ${SENTENCE}`
    expect(shape(`${long}\n${long}`)).toEqual([
      ['list', long],
      ['list', long],
    ])
  })

  test('a list of very many short items is split into runs', () => {
    const cut = units(Array.from({ length: 300 }, (_, i) => `- item number ${i}`).join('\n'))
    expect(cut.length).toBeGreaterThan(3)
    expect(cut.every(({ kind }) => kind === 'list')).toBe(true)
  })

  test('a fragment joins what it follows, and not across a heading', () => {
    expect(shape(`${SENTENCE}\n\nGood luck!`)).toEqual([['text', `${SENTENCE}\n\nGood luck!`]])
    expect(shape(`${SENTENCE}\n\n# Next\n\nGood luck!`)).toHaveLength(2)
  })

  test('tables, math and quotes are units', () => {
    const table = '| a | b |\n|---|---|\n| 1 | 2 |'
    expect(
      shape(`${SENTENCE}\n\n${table}\n\n$$\nx^2\n$$\n\n> ${SENTENCE}\n\nEnd.`).map(([kind]) => kind),
    ).toEqual(['text', 'table', 'formula', 'quote', 'text'])
  })

  test("a user's turn is one unit up to 220 tokens, unless it holds code", () => {
    const turn = `${SENTENCE}\n\n# H\n\n- a\n- b\n\n${SENTENCE}`
    expect(shape(turn, 'user')).toEqual([['text', turn]])
    expect(shape(`${SENTENCE}\n\n\`\`\`\nx\n\`\`\``, 'user').map(([kind]) => kind)).toEqual(['text', 'code'])
    expect(shape(`${SENTENCE}\n\n`.repeat(20), 'user').length).toBeGreaterThan(10)
  })

  test('a long paragraph is cut at sentences', () => {
    const cut = units(Array.from({ length: 60 }, () => SENTENCE).join(' '))
    expect(cut.length).toBeGreaterThan(3)
    for (const { text: written } of cut) expect(written).toMatch(/^The dough .*doubled\.$/)
  })
})

describe('parts', () => {
  test.each<[Part, unknown[]]>([
    [{ type: 'code', content: 'x = 1\n', language: 'py' }, [{ kind: 'code', language: 'python' }]],
    [{ type: 'mermaid', content: 'graph TD' }, [{ kind: 'code', language: 'mermaid' }]],
    [{ type: 'latex', content: 'x^2' }, [{ kind: 'formula' }]],
    [{ type: 'table', content: 'a,b\n1,2' }, [{ kind: 'table' }]],
    [{ type: 'thought', content: 'The user wants bread.' }, [{ kind: 'text', aside: 'thought' }]],
    [{ type: 'tool_result', content: 'It is raining in Cuxhaven.' }, [{ kind: 'text', aside: 'tool' }]],
    [{ type: 'tool_result', content: '{"a": 1}' }, []],
    [{ type: 'tool_call', content: 'search' }, []],
    [{ type: 'citation', content: '[1]' }, []],
    [{ type: 'image', content: '', metadata: { alt: 'A loaf' } }, [{ text: 'A loaf' }]],
    [{ type: 'image', content: '' }, []],
    [{ type: 'file', content: '', metadata: { name: 'a.pdf' } }, [{ kind: 'reference', text: 'a.pdf' }]],
    [{ type: 'text', content: ' \n\t ' }, []],
  ])('%j', (part, expected) => {
    expect(unitsOfPart(part, 'assistant')).toMatchObject(expected)
    expect(unitsOfPart(part, 'assistant')).toHaveLength(expected.length)
  })
})
