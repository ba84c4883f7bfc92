import { describe, expect, test } from 'vitest'
import { generateUnits } from '../../../daemon/knowledge/acu-generator.ts'
import { log2Fixed } from '../../../daemon/knowledge/measure.ts'
import type { Role } from '../../../schema/capture.ts'
import { RATED } from './fixtures/quality-order.ts'

function score(role: Role, content: string, live = true): number {
  const units = generateUnits({ role, parts: [{ type: 'text', content }], live, repliesFirst: false })
  return Math.max(...units.map(({ quality }) => quality))
}

/** Ranks from 1; equals share the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length
    const equal = values.filter((other) => other === value).length
    return below + (equal + 1) / 2
  })
}

function spearman(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [ranks(a), ranks(b)]
  const mean = (x.length + 1) / 2
  const product = (p: readonly number[], q: readonly number[]) =>
    p.reduce((sum, value, at) => sum + (value - mean) * (q[at]! - mean), 0)
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y))
}

test('the rank correlation itself is right', () => {
  expect(spearman([1, 2, 3], [10, 20, 30])).toBeCloseTo(1)
  expect(spearman([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1)
  expect(spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])).toBeCloseTo(0.8208, 3)
})

test('scores order texts as a reader does', () => {
  const scored = RATED.map(([rating, role, text]) => ({ rating, text, points: score(role, text) }))
  const rho = spearman(
    scored.map(({ rating }) => rating),
    scored.map(({ points }) => points),
  )
  console.log(`quality: Spearman ${rho.toFixed(3)} over ${scored.length} rated texts`)
  for (const { rating, points, text } of scored) if (rho < 0.8) console.log(rating, points, text.slice(0, 60))
  expect(rho).toBeGreaterThanOrEqual(0.8)
})

describe('what must not count', () => {
  const SENTENCE = 'Rye flour feeds a starter best, at 26 °C and with as much water as flour.'

  test('length alone', () => {
    const padded = Array.from(
      { length: 40 },
      () => 'This is very good and it is really very nice to do it so.',
    ).join(' ')
    expect(score('assistant', padded)).toBeLessThan(score('assistant', SENTENCE))
  })

  test('the script it is written in', () => {
    const scores = [
      score('assistant', 'Rye flour feeds a starter best at 26 °C, and it needs about four hours.'),
      score('assistant', '黑麦面粉最适合喂养酵头，温度二十六度，大约需要四个小时。'),
      score('assistant', 'دقيق الجاودار هو الأفضل لتغذية الخميرة عند 26 درجة، ويحتاج إلى أربع ساعات.'),
      score('assistant', 'Rye flour 🌾 feeds a starter best at 26 °C 🌡️, and it needs about four hours ⏰'),
    ]
    console.log(`quality of one fact in four scripts: ${scores.join(', ')}`)
    expect(Math.max(...scores) - Math.min(...scores)).toBeLessThanOrEqual(20)
  })
})

test('refusals, branches not shown and boilerplate cost', () => {
  const text = 'The lock came from the backup, which opened the file twice.'
  expect(score('assistant', text, false)).toBeLessThan(score('assistant', text))
  expect(score('assistant', `I'm sorry, but I can't help with that. ${text}`)).toBeLessThan(
    score('assistant', text),
  )
})

test('log2 by integers is within 1/1024', () => {
  for (const value of [1, 2, 3, 7, 10, 100, 4_096, 123_456])
    expect(Math.abs(log2Fixed(value) / 1_024 - Math.log2(value))).toBeLessThan(1 / 1_024)
})
