import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { detectSpans, maskSpans } from '../../../../daemon/knowledge/security/levels.ts'
import { labelledSpans, levelOfKind, plainTexts } from '../fixtures/labelled-levels.ts'

const labelled = labelledSpans()
const plain = plainTexts()

/** Found when every character of the label lies in a span of its level. */
function isFound({ kind, text, start, end }: (typeof labelled)[number]): boolean {
  const spans = detectSpans(text).filter(({ level }) => level >= levelOfKind(kind))
  for (let at = start; at < end; at++)
    if (!spans.some((span) => span.start <= at && at < span.end)) return false
  return true
}

describe('the labelled set', () => {
  test('is large enough to mean something', () => {
    expect(labelled.length).toBeGreaterThanOrEqual(150)
    expect(plain.length).toBeGreaterThanOrEqual(150)
    for (const { text, start, end } of labelled) expect(end, text).toBeGreaterThan(start)
  })

  test('recall is at least 98 %, precision is reported', () => {
    const missed = labelled.filter((one) => !isFound(one))
    const inLabelled = labelled.flatMap(({ text, start, end }) =>
      detectSpans(text).map((span) => ({ text, right: span.start < end && span.end > start, span })),
    )
    const inPlain = plain.flatMap((text) => detectSpans(text).map((span) => ({ text, right: false, span })))
    const found = [...inLabelled, ...inPlain]
    const wrong = found.filter(({ right }) => !right)
    const recall = 1 - missed.length / labelled.length
    const precision = 1 - wrong.length / found.length
    console.log(
      `levels 3 and 5: recall ${(recall * 100).toFixed(1)} % of ${labelled.length}, ` +
        `precision ${(precision * 100).toFixed(1)} % of ${found.length}, ${plain.length} hard negatives`,
    )
    for (const { kind, text } of missed) console.log(`missed ${kind}: ${text}`)
    for (const { text, span } of wrong)
      console.log(`wrong ${span.kind} ${text.slice(span.start, span.end)}: ${text}`)
    expect(recall).toBeGreaterThanOrEqual(0.98)
    expect(precision).toBeGreaterThanOrEqual(0.95)
  })

  test('finds the same in the middle of other text', () => {
    const before = 'We spoke about the bread for a while, and then: '
    const missed = labelled.filter(
      (one) =>
        isFound(one) &&
        !isFound({
          ...one,
          text: `${before}${one.text} - and that was all.`,
          start: one.start + before.length,
          end: one.end + before.length,
        }),
    )
    expect(missed.map(({ text }) => text)).toEqual([])
  })
})

test('spans are sorted, inside the text and apart', () => {
  const piece = fc.oneof(
    fc.constantFrom(...labelled.map(({ text }) => text), ...plain),
    fc.string({ maxLength: 20, unit: 'grapheme' }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), fc.constantFrom(' ', '\n', ''), (pieces, glue) => {
      const text = pieces.join(glue)
      let at = 0
      for (const { start, end, level, kind } of detectSpans(text)) {
        expect(start).toBeGreaterThanOrEqual(at)
        expect(end).toBeGreaterThan(start)
        expect([3, 5]).toContain(level)
        expect(kind).toMatch(/^[a-z0-9_]{1,40}$/)
        at = end
      }
      expect(at).toBeLessThanOrEqual(text.length)
    }),
    { numRuns: 300 },
  )
})

describe('masking', () => {
  test('no character of a span above the level is left, all others are', () => {
    for (const { text, kind } of labelled) {
      const spans = detectSpans(text)
      for (const maxLevel of [0, 2, 3, 4, 5]) {
        let expected = ''
        let at = 0
        for (const span of spans) {
          if (span.level <= maxLevel) continue
          expected += `${text.slice(at, span.start)}⟦hidden:${span.kind}⟧`
          at = span.end
        }
        expect(maskSpans(text, spans, maxLevel), kind).toBe(expected + text.slice(at))
      }
    }
  })

  test('masked text holds nothing above the level', () => {
    for (const { text } of labelled) {
      const masked = maskSpans(text, detectSpans(text), 2)
      expect(detectSpans(masked), text).toEqual([])
    }
  })

  test('spans that overlap leave no gap', () => {
    const spans = [
      { start: 2, end: 6, level: 5, kind: 'a' },
      { start: 4, end: 8, level: 3, kind: 'b' },
    ]
    expect(maskSpans('0123456789', spans, 2)).toBe('01⟦hidden:a⟧89')
  })

  test('a sealed marker is a secret of its kind, and what it stands for is not looked for again', () => {
    const text = 'password = ⟦sealed:password:abcdefgh23⟧ and ⟦sealed:api_key:zzzzzzzz77⟧'
    expect(detectSpans(text).map(({ level, kind }) => [level, kind])).toEqual([
      [5, 'password'],
      [5, 'api_key'],
    ])
    expect(maskSpans(text, detectSpans(text), 4)).toBe('password = ⟦hidden:password⟧ and ⟦hidden:api_key⟧')
    expect(maskSpans(text, detectSpans(text), 5)).toBe(text)
  })
})

test('time grows with the size of hostile text, not with its square', { timeout: 120_000 }, () => {
  const hostile: [name: string, unit: string][] = [
    ['digits', '4'],
    ['digit pairs', '42 '],
    ['dashes and digits', '4-'],
    ['at signs', 'a@'],
    ['dots', 'a.'],
    ['key beginnings', 'sk-'],
    ['password words', 'password '],
    ['password signs', 'password: '],
    ['token words', 'token'],
    ['private keys', '-----BEGIN PRIVATE KEY-----'],
    ['urls', 'a://b:'],
    ['list words', 'abandon '],
    ['capital words', 'Main '],
    ['born', 'born on '],
    ['street', 'Straße '],
    ['sealed', '⟦sealed:'],
    ['one word', 'x'],
    ['plus', '+1'],
  ]
  const slow: string[] = []
  for (const [name, unit] of hostile) {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length))
    const started = performance.now()
    detectSpans(text)
    const ms = performance.now() - started
    // The goal is 50 ms for a megabyte of ordinary text.
    if (ms > 1_500) slow.push(`${name}: ${Math.round(ms)} ms`)
  }
  expect(slow).toEqual([])
})
