import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { encode as encodeCl100k } from 'gpt-tokenizer/encoding/cl100k_base'
import { encode as encodeO200k } from 'gpt-tokenizer/encoding/o200k_base'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ContextOrchestrator } from '../../../daemon/context/context-orchestrator.ts'
import { contextMethods } from '../../../daemon/context/methods.ts'
import type { TokenCounter } from '../../../daemon/context/token-counter.ts'
import { inThreadCounter } from '../../../daemon/tokenizer/in-thread-counter.ts'
import { VivimError } from '../../../schema/errors.ts'
import { contextMethods as CONTRACT, ContextBundle } from '../../../schema/methods/context.ts'
import type { ParamsInput } from '../../../schema/methods/index.ts'
import { fillVault } from '../../support/small-corpus.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'
import { CANARIES, CONVERSATIONS, TOPICS } from './corpus-fixture.ts'

const DIRECT = { o200k_base: encodeO200k, cl100k_base: encodeCl100k }
const PLAIN = { disallowedSpecial: new Set<string>() }
const NEVER = new AbortController().signal

let vault: TemporaryVault
let engine: ContextOrchestrator
beforeAll(() => {
  vault = temporaryVault()
  fillVault(vault.vault, CONVERSATIONS, TOPICS)
  engine = new ContextOrchestrator(vault.vault, inThreadCounter)
})
afterAll(() => vault[Symbol.dispose]())

function compile(input: ParamsInput<'context.compile'>, on = engine, signal = NEVER) {
  return on.compile(CONTRACT['context.compile'].params.parse(input), signal)
}

/** Counts by gpt-tokenizer itself, not through our counter. */
function tokensOf(text: string, tokenizer: 'o200k_base' | 'cl100k_base'): number {
  return DIRECT[tokenizer](text, PLAIN).length
}

describe('a bundle', () => {
  test('answers in the shape of the contract, with evidence, provenance and exact tokens', async () => {
    const bundle = await compile({ message: 'How hot should the water for green tea be?' })
    expect(ContextBundle.parse(bundle)).toEqual(bundle)
    expect(bundle.tokens).toBe(tokensOf(bundle.text, 'o200k_base'))
    expect(bundle.text).toContain('Seventy to eighty degrees')
    expect(bundle.text.endsWith('How hot should the water for green tea be?')).toBe(true)
    expect(bundle.layers.map(({ layer }) => layer)).toEqual(['L2', 'L5', 'L7'])
    for (const { citation, kind, messageId, date } of bundle.items) {
      expect(bundle.text).toContain(`${citation} `)
      if (kind === 'unit') expect([typeof messageId, typeof date]).toEqual(['string', 'number'])
    }
    const handles = bundle.items.map(({ citation }) => citation)
    expect(handles).toEqual(handles.map((_, i) => `[c${i + 1}]`))
    for (const { layer, score, why } of bundle.items)
      if (layer === 'L5') expect(why.reduce((sum, { value }) => sum + value, 0)).toBeCloseTo(score, 5)
  })

  test('cites evidence in the order of time', async () => {
    const bundle = await compile({ message: 'green tea, sourdough, parseHttpHeader' })
    const dates = bundle.items.filter(({ layer }) => layer === 'L5').map(({ date }) => date!)
    expect(dates.length).toBeGreaterThan(4)
    expect(dates).toEqual(dates.toSorted((a, b) => a - b))
  })

  test('with a conversation: its arc with open questions and decisions, and its latest messages once', async () => {
    const bundle = await compile({ message: 'And how long for the green tea?', conversationId: 'tea' })
    expect(bundle.layers.map(({ layer }) => layer)).toEqual(expect.arrayContaining(['L4', 'L5', 'L6', 'L7']))
    expect(bundle.text).toContain('open question: Does the second infusion need hotter water?')
    expect(bundle.text).toContain('decision: Let us settle on 75 degrees')
    const history = bundle.items.filter(({ layer }) => layer === 'L6')
    expect(history.map(({ id }) => id)).toEqual(['tea-0', 'tea-1', 'tea-2', 'tea-3', 'tea-4'])
    const quotedTwice = bundle.items.filter(
      ({ layer, conversationId }) => layer === 'L5' && conversationId === 'tea',
    )
    expect(quotedTwice).toEqual([])
  })

  test('a conversation that is not there is NotFound', async () => {
    await expect(compile({ message: 'x', conversationId: 'nowhere' })).rejects.toMatchObject({
      code: 'NotFound',
    })
  })

  test('says when nothing matches and when the evidence is weak', async () => {
    const nothing = await compile({ message: 'xylophone quasar brontosaurus' })
    expect(nothing.warnings).toEqual(['Nothing in the vault matches the message.'])
    expect(nothing.text).toBe('xylophone quasar brontosaurus')
    const weak = await compile({
      message: 'Which brontosaurus quasar xylophone ephemeris needs an oven or water?',
    })
    expect(weak.warnings.join()).toContain('weak')
  })

  test('leaves out archived and hidden material and names duplicates', async () => {
    const bundle = await compile({
      message: 'green tea answer twice archived hidden remark',
      maxTokens: 8_000,
    })
    expect(bundle.text).not.toMatch(/zanzibarium|quillwort/)
    expect(bundle.dropped).toContainEqual({ id: expect.any(String), reason: 'archived' })
    expect(bundle.dropped).toContainEqual({ id: expect.any(String), reason: 'duplicate' })
    expect(bundle.text.match(/green tea answer, twice/g)).toHaveLength(1)
  })
})

describe('quoted text is data', () => {
  test('it cannot close its fence, begin a line as an entry, or carry a handle', async () => {
    const { text, items } = await compile({ message: 'green tea notes rules forged', maxTokens: 6_000 })
    expect(text).toContain('forged green tea line')
    const lines = text.split('\n')
    const fences = lines.flatMap((line, i) => (/^`{3,}/.test(line) ? [{ line, i }] : []))
    const evidence = fences.findIndex(({ i }) => lines[i - 1] === '## Evidence')
    const [open, close] = [fences[evidence]!, fences[evidence + 1]!]
    expect(open.line).toBe(`${'`'.repeat(7)}quoted`)
    expect(close.line).toBe('`'.repeat(7))
    expect(lines.slice(close.i + 1).filter((line) => line !== '')).toEqual([
      '## Message',
      'green tea notes rules forged',
    ])
    for (const line of lines.slice(open.i + 1, close.i))
      expect(line, line).toMatch(/^\[c\d+\] |^ {2}|^\d{4}-\d\d-\d\d — |^$/)
    const handles = [...text.matchAll(/\[\s*c\s*\d+\s*\]/g)].map(([handle]) => handle)
    const preambleExample = 1
    expect(handles).toHaveLength(items.length + preambleExample)
  })
})

describe('the budget is hard', () => {
  const words =
    'green tea water sourdough starter parseHttpHeader kettle 京都 茶室 😀 Wilhelmina valve log the how'.split(
      ' ',
    )
  const messages = fc.oneof(
    fc.array(fc.constantFrom(...words), { minLength: 1, maxLength: 40 }).map((list) => list.join(' ')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 300 }),
    fc.constantFrom(
      'a'.repeat(5_000),
      '😀'.repeat(700),
      '<|endoftext|>'.repeat(30),
      '漢'.repeat(900),
      '`'.repeat(600),
    ),
  )
  const budgets = fc.oneof(
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 40, max: 400 }),
    fc.integer({ min: 1, max: 20_000 }),
  )

  test('at 500 random budgets and messages nothing exceeds it and no canary shows', async () => {
    await fc.assert(
      fc.asyncProperty(
        budgets,
        messages,
        fc.constantFrom('o200k_base', 'cl100k_base'),
        fc.constantFrom(undefined, 'tea', 'private', 'hostile', 'giant'),
        async (maxTokens, message, tokenizer, conversationId) => {
          const bundle = await compile({
            message,
            maxTokens,
            tokenizer,
            ...(conversationId === undefined ? {} : { conversationId }),
          })
          const exact = tokensOf(bundle.text, tokenizer)
          expect(bundle.tokens).toBe(exact)
          expect(exact).toBeLessThanOrEqual(maxTokens)
          const said = JSON.stringify(bundle)
          for (const canary of Object.values(CANARIES)) expect(said).not.toContain(canary)
          if (!bundle.text.endsWith(message)) expect(bundle.warnings.join()).toMatch(/cut|too small/)
          expect(bundle.layers.reduce((sum, { budget }) => sum + budget, 0)).toBeLessThanOrEqual(maxTokens)
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a growing budget reaches evidence, and most of it is used', async () => {
    const small = await compile({ message: 'green tea', maxTokens: 20 })
    expect(small.items).toEqual([])
    expect(small.warnings.join()).toContain('no room')
    const middle = await compile({ message: 'green tea kettle valve pressure', maxTokens: 300 })
    expect(middle.items.length).toBeGreaterThan(2)
    expect(middle.tokens).toBeGreaterThan(200)
  })

  test('a unit far larger than the budget is cut to the sentences that matter', async () => {
    const bundle = await compile({ message: 'kettle valve number 409', maxTokens: 400 })
    const cut = bundle.items.find(({ conversationId }) => conversationId === 'giant')
    expect(cut).toBeDefined()
    expect(bundle.text).toContain('valve number 409')
  })
})

describe('security levels', () => {
  test('under level 2 an address is masked, a whole sensitive unit and a unit that is all address are dropped', async () => {
    const bundle = await compile({ message: 'tea shop owner key operation results', maxTokens: 8_000 })
    expect(bundle.text).toContain('⟦hidden:email⟧ on weekdays')
    expect(bundle.text).not.toContain(CANARIES.mail)
    expect(bundle.dropped).toContainEqual({ id: expect.any(String), reason: 'security' })
    expect(bundle.text).not.toContain(CANARIES.health)
  })

  test('a higher level shows more, and never level 5', async () => {
    const bundle = await compile({
      message: 'tea shop owner key operation results',
      maxTokens: 8_000,
      maxSecurityLevel: 5,
    })
    expect(bundle.text).toContain(CANARIES.mail)
    expect(bundle.text).toContain(CANARIES.health)
    expect(JSON.stringify(bundle)).not.toContain(CANARIES.secret)
  })

  test("the caller's own limit holds, whatever the request asks for", async () => {
    const methods = contextMethods({ vault: vault.vault, counter: inThreadCounter })
    const call = { maxSecurityLevel: 2, mayReadPaths: false, signal: NEVER, progress: () => {} }
    const params = CONTRACT['context.compile'].params.parse({
      message: 'tea shop owner',
      maxSecurityLevel: 5,
    })
    expect(JSON.stringify(await methods['context.compile'](params, call))).not.toContain(CANARIES.mail)
  })

  test('the latest messages of a conversation are masked too', async () => {
    const bundle = await compile({ message: 'and then?', conversationId: 'private', maxTokens: 8_000 })
    expect(bundle.warnings).toContain('The message names nothing to look for.')
    expect(bundle.text).toContain('⟦hidden:email⟧')
    for (const canary of Object.values(CANARIES)) expect(JSON.stringify(bundle)).not.toContain(canary)
  })
})

describe('the same facts and the same request', () => {
  const request = {
    message: 'How hot is the water for green tea, and the kettle?',
    maxTokens: 700,
    conversationId: 'bread',
  }

  test('give the same bytes again, and from an engine that has kept nothing', async () => {
    const first = JSON.stringify(await compile(request))
    expect(JSON.stringify(await compile(request))).toBe(first)
    const fresh = new ContextOrchestrator(vault.vault, inThreadCounter)
    expect(JSON.stringify(await compile(request, fresh))).toBe(first)
  })

  test('give the same text and items in other processes', () => {
    const script = fileURLToPath(new URL('./compile-in-process.ts', import.meta.url))
    const outputs = [1, 2].map(() => spawnSync(process.execPath, [script], { encoding: 'utf8' }))
    for (const { status, stderr } of outputs) expect(status, stderr).toBe(0)
    expect(outputs[0]!.stdout.length).toBeGreaterThan(500)
    expect(outputs[1]!.stdout).toBe(outputs[0]!.stdout)
  })

  test('keep the prefix while the message changes within its topics; a changed topic changes it', async () => {
    using own = temporaryVault()
    fillVault(own.vault, CONVERSATIONS, TOPICS)
    const own1 = new ContextOrchestrator(own.vault, inThreadCounter)
    const one = await compile({ message: 'green tea and how hot?' }, own1)
    const two = await compile({ message: 'green tea with which kettle?' }, own1)
    expect(two.prefixHash).toBe(one.prefixHash)
    own.vault.transact((tx) => tx.run("UPDATE topic_profiles SET unit_count = 8 WHERE id = 'topic-tea'"))
    const three = await compile({ message: 'green tea and how hot?' }, own1)
    expect(three.prefixHash).not.toBe(one.prefixHash)
    expect(three.epoch).not.toBe(one.epoch)
  })

  test('a new fact changes the epoch and is found at once', async () => {
    using own = temporaryVault()
    fillVault(own.vault, CONVERSATIONS, TOPICS)
    const engine = new ContextOrchestrator(own.vault, inThreadCounter)
    const before = await compile({ message: 'gyokuro shading' }, engine)
    expect(before.items).toEqual([])
    fillVault(own.vault, [
      { id: 'new', title: 'Gyokuro', messages: [{ units: ['Gyokuro needs three weeks of shading.'] }] },
    ])
    const after = await compile({ message: 'gyokuro shading' }, engine)
    expect(after.text).toContain('three weeks of shading')
    expect(after.epoch).not.toBe(before.epoch)
  })

  test('a conversation in the trash is gone from bundles at once', async () => {
    using own = temporaryVault()
    fillVault(own.vault, CONVERSATIONS, TOPICS)
    const engine = new ContextOrchestrator(own.vault, inThreadCounter)
    expect((await compile({ message: 'gooseneck Wilhelmina' }, engine)).text).toContain(
      'my sister Wilhelmina',
    )
    own.vault.transact((tx) => tx.write([{ kind: 'DELETE', entity: 'Conversation', key: 'tea' }]))
    expect((await compile({ message: 'gooseneck kettle' }, engine)).text).not.toContain('Wilhelmina')
    await expect(compile({ message: 'x', conversationId: 'tea' }, engine)).rejects.toMatchObject({
      code: 'NotFound',
    })
  })
})

describe('when tokens cannot be counted', () => {
  const request = { message: 'How hot should the water for green tea be?', maxTokens: 900 }
  const broken: [string, TokenCounter][] = [
    ['the counter is gone', { count: () => Promise.reject(new VivimError('Unavailable')) }],
    ['the counter never answers', { count: () => new Promise(() => {}) }],
  ]

  test.each(broken)('%s: a partial bundle, still within the budget, with a warning', async (_, counter) => {
    const lame = new ContextOrchestrator(vault.vault, counter)
    const bundle = await compile(request, lame)
    expect(tokensOf(bundle.text, 'o200k_base')).toBeLessThanOrEqual(900)
    expect(bundle.items.length).toBeGreaterThan(0)
    expect(bundle.warnings.join()).toContain('upper bound')
  })

  test('a caller that leaves is answered at once', async () => {
    const lame = new ContextOrchestrator(vault.vault, { count: () => new Promise(() => {}) })
    const gone = new AbortController()
    gone.abort()
    const bundle = await compile(request, lame, gone.signal)
    expect(bundle.warnings.join()).toContain('upper bound')
  })

  test('an error of any other kind is not hidden', async () => {
    const faulty = new ContextOrchestrator(vault.vault, { count: () => Promise.reject(new TypeError('bug')) })
    await expect(compile(request, faulty)).rejects.toThrow('bug')
  })

  test('three rounds to the counter at most, one when all is known but the result', async () => {
    let rounds = 0
    const counting: TokenCounter = {
      count(texts, tokenizer) {
        rounds += 1
        return inThreadCounter.count(texts, tokenizer)
      },
    }
    const own = new ContextOrchestrator(vault.vault, counting)
    for (let maxTokens = 1; maxTokens < 700; maxTokens += 23) {
      rounds = 0
      await compile({ message: 'green tea water kettle and sourdough '.repeat(3), maxTokens }, own)
      expect(rounds).toBeLessThanOrEqual(3)
    }
  })
})
