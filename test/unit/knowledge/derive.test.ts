import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { deriveConversation } from '../../../daemon/knowledge/derive.ts'
import { aggregateUnit } from '../../../daemon/knowledge/derived-rows.ts'
import { unitId } from '../../../daemon/knowledge/ids.ts'
import { conversationOf, say, someConversations, type Turn } from './fixtures/stored-conversations.ts'

const derive = (...turns: Turn[]) => deriveConversation(conversationOf('c', turns))
const QUESTION = 'How long does the starter need before it doubles?'
const ANSWER = 'About four hours at 26 °C, and a little more in a cool kitchen with thick walls.'
const MORE = 'It is ready when it has doubled, smells of apples, and floats when put into water.'

test('the same conversation gives the same, and every figure is whole', () => {
  fc.assert(
    fc.property(someConversations, (conversations) => {
      for (const conversation of conversations) {
        const derived = deriveConversation(conversation)
        expect(deriveConversation(structuredClone(conversation))).toEqual(derived)
        for (const unit of derived.occurrences) {
          expect(unit.id).toBe(unitId(unit.class, unit.content))
          for (const figure of [unit.quality, unit.securityLevel, unit.start, unit.end, unit.ordinal])
            expect(Number.isInteger(figure)).toBe(true)
          expect(unit.quality).toBeGreaterThanOrEqual(0)
          expect(unit.quality).toBeLessThanOrEqual(100)
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('a message derives the same whatever stands beside it, but for what it answers', () => {
  const alone = derive(say('user', QUESTION)).occurrences
  const beside = derive(say('user', QUESTION), say('assistant', ANSWER)).occurrences
  expect(beside.slice(0, alone.length)).toEqual(alone)
})

describe('what is said by whom', () => {
  test('hidden messages derive nothing', () => {
    expect(derive({ ...say('user', QUESTION), hidden: true }).occurrences).toEqual([])
  })

  test('branches that are not shown derive with less quality', () => {
    const [shown] = derive(say('assistant', ANSWER)).occurrences
    const [other] = derive({ ...say('assistant', ANSWER), live: false }).occurrences
    expect(other?.live).toBe(false)
    expect(other?.quality).toBeLessThan(shown!.quality)
  })

  test("thoughts and tools' output are nobody's words, and of low quality", () => {
    const { occurrences } = derive(
      { role: 'user', parts: [{ type: 'tool_result', content: `${ANSWER} ${MORE}` }] },
      { role: 'assistant', parts: [{ type: 'thought', content: `${ANSWER} ${MORE}` }] },
    )
    expect(occurrences.map(({ role, type }) => [role, type])).toEqual([
      ['tool', 'statement'],
      ['assistant', 'reasoning'],
    ])
    for (const { quality } of occurrences) expect(quality).toBeLessThanOrEqual(30)
  })
})

describe('secrets', () => {
  const card = '4242 4242 4242 4242'

  test('what becomes a secret only when lines are folded is not kept either', () => {
    const { occurrences } = derive(say('user', `my card:\n${card.replaceAll(' ', '\n')}\nthanks`))
    expect(JSON.stringify(occurrences)).not.toContain(card)
    expect(occurrences[0]?.content).toContain('⟦hidden:payment_card⟧')
    expect(occurrences[0]?.securityLevel).toBe(5)
  })

  test('a sealed marker makes the unit level 5', () => {
    const [unit] = derive(say('user', 'the key is ⟦sealed:api_key:abcdefghij⟧, keep it')).occurrences
    expect(unit?.securityLevel).toBe(5)
    expect(unit?.spans.map(({ kind, level }) => [kind, level])).toEqual([['api_key', 5]])
  })

  test('a title with a secret does not reach the search context', () => {
    const [unit] = derive(say('assistant', ANSWER)).occurrences
    const { context } = aggregateUnit([{ ...unit!, title: `card ${card}`, archived: false }])
    expect(context).not.toContain(card)
  })
})

describe('links', () => {
  const links = (...turns: Turn[]) => {
    const { occurrences, links: found } = derive(...turns)
    const name = new Map(occurrences.map(({ id, content }) => [id, content]))
    return found.map(({ sourceId, relation, targetId }) => [name.get(sourceId), relation, name.get(targetId)])
  }

  test('an answer points at the question, its units at each other', () => {
    expect(links(say('user', QUESTION), say('assistant', `${ANSWER}\n\n${MORE}`))).toEqual([
      [ANSWER, 'ANSWERS', QUESTION],
      [MORE, 'ANSWERS', QUESTION],
      [ANSWER, 'NEXT_STEP', MORE],
    ])
  })

  test('thoughts and calls between do not hide the question, and a second reply does not answer it', () => {
    expect(
      links(
        say('user', QUESTION),
        { role: 'assistant', parts: [{ type: 'thought', content: 'They bake.' }] },
        { role: 'tool', parts: [{ type: 'tool_result', content: 'It is 26 °C in the kitchen.' }] },
        say('assistant', ANSWER),
        say('assistant', MORE),
      ),
    ).toEqual([
      [ANSWER, 'ANSWERS', QUESTION],
      [ANSWER, 'NEXT_STEP', MORE],
    ])
  })

  test('each branch answers its own question', () => {
    expect(
      links(say('user', QUESTION), say('assistant', ANSWER), {
        ...say('assistant', MORE),
        after: 0,
        live: false,
      }),
    ).toEqual([
      [ANSWER, 'ANSWERS', QUESTION],
      [MORE, 'ANSWERS', QUESTION],
    ])
  })

  test('what is repeated does not point at itself', () => {
    expect(links(say('user', ANSWER), say('user', ANSWER))).toEqual([])
  })
})
