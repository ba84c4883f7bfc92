import fc from 'fast-check'
import { expect, test } from 'vitest'
import { deriveTopics, type TopicSource } from '../../../daemon/knowledge/topics/derive-topics.ts'
import { topicTermsOf } from '../../../daemon/knowledge/topics/topic-terms.ts'

const noPause = async () => {}
const unit = (id: string, content: string, ...conversations: string[]): TopicSource => ({
  id,
  content,
  conversations,
  firstSeenAt: 1,
  lastSeenAt: 2,
})

const SUBJECTS = [
  'The sourdough starter needs rye flour',
  'Write-ahead logging keeps SQLite readers happy',
  'Sintra is best reached by train',
  'I want to use a good thing',
  '酸种面包需要黑麦面粉',
  'parseLine throws on bad gauge data',
]
const sources: fc.Arbitrary<TopicSource[]> = fc
  .array(
    fc.tuple(
      fc.constantFrom(...SUBJECTS),
      fc.constantFrom(...SUBJECTS),
      fc.nat({ max: 5 }),
      fc.nat({ max: 5 }),
    ),
    { maxLength: 40 },
  )
  .map((list) =>
    list.map(([one, two, a, b], at) =>
      unit(`u${String(at).padStart(3, '0')}`, `${one}. ${two}.`, ...new Set([`c${a}`, `c${b}`])),
    ),
  )

test('every topic has its evidence, and the order of units does not matter', async () => {
  await fc.assert(
    fc.asyncProperty(
      sources.chain((list) =>
        fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
      ),
      async ([list, shuffled]) => {
        const topics = await deriveTopics(list, noPause)
        expect(await deriveTopics(shuffled, noPause)).toEqual(topics)
        expect(topics.length).toBeLessThanOrEqual(500)
        expect(new Set(topics.map(({ id }) => id)).size).toBe(topics.length)
        const byId = new Map(list.map((one) => [one.id, one]))
        for (const { units, conversations, terms, label } of topics) {
          expect(units.length).toBeGreaterThanOrEqual(3)
          expect(conversations.length).toBeGreaterThanOrEqual(2)
          expect(terms).toContain(label)
          for (const { id } of units) expect(byId.has(id)).toBe(true)
          for (const { id, unitCount } of conversations)
            expect(units.filter((one) => byId.get(one.id)!.conversations.includes(id)).length).toBe(unitCount)
          expect(label).not.toMatch(/^(?:use|thing|good|want)$/i)
        }
      },
    ),
    { numRuns: 100 },
  )
})

test('what identifies or is secret gives no term', () => {
  const text =
    'Ask ann.lee@example.com or +49 30 1234567 about sourdough; the key is ⟦sealed:api_key:abcdefghij⟧, I live at 221B Baker Street.'
  const terms = topicTermsOf(text).map(({ key }) => key)
  expect(terms).toContain('sourdough')
  expect(terms.join(' ')).not.toMatch(/ann|lee|exampl|1234567|seal|api|abcdef|baker|street|hidden/)
})

test('stop words of several languages give no term', () => {
  for (const text of [
    'this would have been there',
    'das wäre doch nicht für mich',
    'nous sommes avec vous',
    'pero también para ellos',
  ])
    expect(topicTermsOf(text), text).toEqual([])
})
