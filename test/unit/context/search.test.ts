import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ContextOrchestrator } from '../../../daemon/context/context-orchestrator.ts'
import { inThreadCounter } from '../../../daemon/tokenizer/in-thread-counter.ts'
import { contextMethods } from '../../../schema/methods/context.ts'
import type { ParamsInput } from '../../../schema/methods/index.ts'
import { fillVault } from '../../support/small-corpus.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'
import { CANARIES, CONVERSATIONS, TOPICS } from './corpus-fixture.ts'

let vault: TemporaryVault
let engine: ContextOrchestrator
beforeAll(() => {
  vault = temporaryVault()
  fillVault(vault.vault, CONVERSATIONS, TOPICS)
  engine = new ContextOrchestrator(vault.vault, inThreadCounter)
})
afterAll(() => vault[Symbol.dispose]())

function search(input: ParamsInput<'search.query'>, level = 2) {
  const { params, result } = contextMethods['search.query']
  const answer = engine.search(params.parse(input), level)
  expect(result.parse(answer)).toEqual(answer)
  return answer
}

const messages = (query: string, more: Partial<ParamsInput<'search.query'>> = {}) =>
  search({ query, kinds: ['message'], ...more }).items

describe('search', () => {
  test('finds the message that answers, by the provider’s own id too', () => {
    const [first] = messages('What temperature scalds the leaves?')
    expect(first).toMatchObject({
      kind: 'message',
      id: 'tea-1',
      messageId: 'tea-1',
      originalMessageId: 'original-tea-1',
      conversationId: 'tea',
    })
    expect(first!.text).toContain('Boiling water scalds the leaves')
  })

  test('answers all kinds on one scale, best first', () => {
    const { items, weak } = search({ query: 'green tea', limit: 50 })
    expect(new Set(items.map(({ kind }) => kind))).toEqual(
      new Set(['conversation', 'message', 'unit', 'topic']),
    )
    const scores = items.map(({ score }) => score)
    expect(scores).toEqual(scores.toSorted((a, b) => b - a))
    expect(weak).toBe(false)
    expect(items.find(({ kind }) => kind === 'conversation')!.id).toBe('tea')
    expect(items.find(({ kind }) => kind === 'topic')!.id).toBe('topic-tea')
  })

  test('finds a conversation by a title no unit repeats', () => {
    const [first] = search({ query: 'fixing', kinds: ['conversation'] }).items
    expect(first).toMatchObject({ kind: 'conversation', id: 'parser', text: 'Fixing parseHttpHeader' })
  })

  test('finds inflected words, diacritics aside, and pieces of identifiers', () => {
    expect(messages('scalding leaf')[0]!.id).toBe('tea-1')
    expect(messages('feeding stárter hungry')[0]!.id).toBe('bread-1')
    expect(messages('HttpHeader pending').map(({ id }) => id)).toContain('parser-1')
    expect(messages('pending_bytes')[0]!.id).toBe('parser-1')
  })

  test('finds words of scripts without spaces, long, short and in the middle of a run', () => {
    expect(messages('宇治の茶室')[0]!.id).toBe('cjk-1')
    expect(messages('予約')[0]!.id).toBe('cjk-1')
    expect(messages('抹茶').map(({ id }) => id)).toContain('cjk-0')
  })

  test('prefers the asker’s own words, or the assistant’s, when the question says whose', () => {
    expect(messages('Which gooseneck did I buy?')[0]!.id).toBe('tea-2')
    const suggested = messages('What did you suggest about the starter?', { explain: true })
    const why = suggested.find(({ id }) => id === 'bread-1')!.why!
    expect(why).toContainEqual({ term: 'role', value: expect.any(Number) })
  })

  test('a quoted phrase lifts the text that has it', () => {
    expect(messages('"equal weights of flour" water')[0]!.id).toBe('bread-1')
  })

  test('a date in the question lifts what was said that day', () => {
    const explained = messages('What was said about water on 4 March 2025?', { explain: true })
    expect(explained[0]!.conversationId).toBe('bread')
    expect(explained[0]!.why!.map(({ term }) => term)).toContain('date')
  })

  test('every score is the sum of its reasons', () => {
    for (const { score, why } of search({ query: 'green tea kettle water', explain: true, limit: 100 }).items)
      expect(why!.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(score, 5)
    expect(search({ query: 'green tea' }).items[0]!.why).toBeUndefined()
  })

  test('trims a long hit to sentences around the words', () => {
    const [first] = messages('valve number 409')
    expect(first!.text).toContain('valve number 409')
    expect(first!.text.length).toBeLessThanOrEqual(402)
  })

  test('keeps to a span of time', () => {
    const day = Date.UTC(2025, 2, 4)
    const found = messages('water', { from: day, to: day + 86_400_000 - 1 })
    expect(found.map(({ conversationId }) => conversationId)).toEqual(expect.arrayContaining(['bread']))
    for (const { date } of found) expect(date! >= day && date! < day + 86_400_000).toBe(true)
  })

  test('finds archived conversations only when asked, hidden messages never', () => {
    expect(JSON.stringify(search({ query: 'zanzibarium tastes' }))).not.toContain('zanzibarium')
    expect(JSON.stringify(search({ query: 'zanzibarium', includeArchived: true }))).toContain('zanzibarium')
    expect(search({ query: 'quillwort' }).items).toEqual([])
  })

  test('says when it knows nothing', () => {
    expect(search({ query: 'brontosaurus' })).toEqual({ items: [], weak: true })
    expect(search({ query: 'Which brontosaurus xylophone quasar has an oven, flour or water?' }).weak).toBe(
      true,
    )
  })

  test('ranks the same way again, also in an engine that has kept nothing', () => {
    const query = { query: 'green tea water', limit: 100, explain: true }
    const first = search(query)
    expect(search(query)).toEqual(first)
    const fresh = new ContextOrchestrator(vault.vault, inThreadCounter)
    expect(fresh.search(contextMethods['search.query'].params.parse(query), 2)).toEqual(first)
  })
})

describe('what a caller may not see', () => {
  test('is masked, and cannot be found by asking for it', () => {
    const found = messages('tea shop owner')
    expect(found.find(({ id }) => id === 'private-0')!.text).toContain('⟦hidden:email⟧')
    const asked = search({ query: 'canary.person', kinds: ['message', 'unit'] })
    expect(asked.items.map(({ messageId }) => messageId)).not.toContain('private-0')
    expect(search({ query: CANARIES.mail, kinds: ['message'] }, 3).items[0]!.text).toContain(CANARIES.mail)
  })

  test('a whole sensitive unit appears from its level on, a secret never', () => {
    const query = 'canaryhealth results operation'
    expect(JSON.stringify(search({ query }))).not.toContain(CANARIES.health)
    expect(JSON.stringify(search({ query }, 4))).toContain(CANARIES.health)
    for (const level of [0, 2, 4, 5])
      expect(
        JSON.stringify(search({ query: 'tea shop key opens payment', limit: 100 }, level)),
      ).not.toContain(CANARIES.secret)
  })
})

describe('hostile queries', () => {
  test.each([
    '"',
    '""',
    '" OR 1',
    'tea AND',
    'NEAR(tea water)',
    'content:tea',
    'tea*',
    '^tea',
    "'; DROP TABLE messages; --",
    '(((',
    '{a b} : c',
    '-tea',
    '\0',
    '\ud800',
    '%_',
    '\\',
    '京"都',
    'a"b_c"d',
  ])('%j is only words', (query) => {
    expect(() => search({ query })).not.toThrow()
  })

  test('any text at all is answered', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }), (query) => {
        search({ query, limit: 5 })
      }),
      { numRuns: 300 },
    )
  })

  test('100,000 characters are answered in bounded time', () => {
    const texts = ['a', 'aB', 'a_', '"', '京', '. ', '1 ', '[c', 'green tea ', 'may 1 ', ' '].map((piece) =>
      piece.repeat(Math.ceil(100_000 / piece.length)).slice(0, 100_000),
    )
    for (const query of texts) {
      const started = performance.now()
      search({ query })
      expect(performance.now() - started, query.slice(0, 20)).toBeLessThan(2_000)
    }
  })
})
