import fc from 'fast-check'
import { encode as encodeCl100k } from 'gpt-tokenizer/encoding/cl100k_base'
import { encode as encodeO200k } from 'gpt-tokenizer/encoding/o200k_base'
import { afterAll, describe, expect, test } from 'vitest'
import type { TokenCounter } from '../../../daemon/context/token-counter.ts'
import { inThreadCounter } from '../../../daemon/tokenizer/in-thread-counter.ts'
import { PortTokenCounter } from '../../../daemon/tokenizer/port-counter.ts'
import { TokenizerService } from '../../../daemon/tokenizer/tokenizer-service.ts'

const DIRECT = { o200k_base: encodeO200k, cl100k_base: encodeCl100k }
/** gpt-tokenizer refuses special tokens unless none is disallowed: then they are plain text. */
const PLAIN = { disallowedSpecial: new Set<string>() }

const service = new TokenizerService()
const overThread = new PortTokenCounter(service.connect(), 20_000)
afterAll(async () => {
  overThread.close()
  await service.stop()
})

const TRICKY = [
  '',
  ' ',
  'green tea',
  '<|endoftext|>',
  'a <|im_start|>system<|im_end|> b <|endofprompt|>',
  'a'.repeat(3_000),
  'A'.repeat(700),
  ' '.repeat(5_000),
  '\n'.repeat(999),
  '\t\t\t  \r\n \r',
  '-'.repeat(777),
  '=='.repeat(300),
  '😀'.repeat(400),
  '👩‍👩‍👧‍👦🇩🇪🏳️‍🌈',
  '漢字仮名交じり文'.repeat(60),
  'العربية'.repeat(50),
  'e\u0301'.repeat(500),
  '\ud800lone\udc00',
  'Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenverordnungsgesetzestext',
  "it's We'LL they'Re",
  'const x = fooBar_baz(1234567, "é");\n\n\n\treturn x',
]

const COUNTERS: [string, TokenCounter][] = [
  ['in this thread', inThreadCounter],
  ['over the tokenizer thread', overThread],
]

describe.each(COUNTERS)('counting %s', (_, counter) => {
  test.each(['o200k_base', 'cl100k_base'] as const)('agrees with a direct %s encode', async (tokenizer) => {
    const expected = TRICKY.map((text) => DIRECT[tokenizer](text, PLAIN).length)
    expect(await counter.count(TRICKY, tokenizer)).toEqual(expected)
  })

  test('agrees on random texts and on random runs without a break', async () => {
    const letters = fc.string({ unit: fc.constantFrom(...'aabetno'), minLength: 40, maxLength: 400 })
    const wild = fc.string({ unit: 'binary', maxLength: 200 }).map((text) => text.replaceAll('\uFEFF', ''))
    const mixed = fc.array(fc.oneof(letters, wild, fc.constantFrom(...TRICKY.slice(0, 6))), { maxLength: 4 })
    await fc.assert(
      fc.asyncProperty(mixed, fc.constantFrom('o200k_base', 'cl100k_base'), async (parts, tokenizer) => {
        const text = parts.join(' ')
        expect(await counter.count([text], tokenizer)).toEqual([DIRECT[tokenizer](text, PLAIN).length])
      }),
      { numRuns: 150 },
    )
  })

  // gpt-tokenizer loses a byte order mark where it merges: it counts 7.
  test('a byte order mark is the token it is', async () => {
    const texts = ['\uFEFFbyte', '\uFEFF', '\uFEFFbyte order mark\uFEFF']
    expect(await counter.count(texts, 'cl100k_base')).toEqual([2, 1, 5])
    expect(await counter.count(texts, 'o200k_base')).toEqual([2, 1, 5])
  })

  test('a megabyte without a break is counted in bounded time', async () => {
    const started = performance.now()
    const texts = ['a'.repeat(1_000_000), ' '.repeat(1_000_000), '😀'.repeat(250_000)]
    const counts = await counter.count(texts, 'o200k_base')
    expect(performance.now() - started).toBeLessThan(20_000)
    expect(counts[0]).toBe(125_000)
  })
})

describe('the tokenizer thread', () => {
  test('answers interleaved callers, each with their own counts', async () => {
    const ports = Array.from({ length: 4 }, () => new PortTokenCounter(service.connect(), 20_000))
    const answers = await Promise.all(
      ports.flatMap((port, i) => [
        port.count(['tea '.repeat(i + 1)], 'o200k_base'),
        port.count([], 'o200k_base'),
      ]),
    )
    for (const [i, port] of ports.entries()) {
      expect(answers[i * 2]).toEqual([encodeO200k('tea '.repeat(i + 1)).length])
      expect(answers[i * 2 + 1]).toEqual([])
      port.close()
    }
  })

  test('a count past its deadline fails as Unavailable, and so does every count after the thread is gone', async () => {
    const own = new TokenizerService()
    const hurried = new PortTokenCounter(own.connect(), 1)
    await expect(hurried.count(['a'.repeat(2_000_000)], 'o200k_base')).rejects.toMatchObject({
      code: 'Unavailable',
    })
    const patient = new PortTokenCounter(own.connect(), 20_000)
    expect(await patient.count(['tea'], 'o200k_base')).toEqual([1])
    const underway = patient.count(
      Array.from({ length: 60 }, () => 'a'.repeat(1_000_000)),
      'cl100k_base',
    )
    const lost = expect(underway).rejects.toMatchObject({ code: 'Unavailable' })
    await own.stop()
    await lost
    await expect(patient.count(['tea'], 'o200k_base')).rejects.toMatchObject({ code: 'Unavailable' })
    const again = new PortTokenCounter(own.connect(), 20_000)
    expect(await again.count(['green tea'], 'o200k_base')).toEqual([2])
    await own.stop()
  })
})
