import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type JsonStreamOptions, jsonElements } from '../../../daemon/capture/json-array-stream.ts'
import { seededRandom, testRandom } from '../../support/seed.ts'

type Seen = { values: string[]; broken: { index: number; reason: string }[] }

async function* chunked(bytes: Uint8Array, sizes: () => number): AsyncIterable<Uint8Array> {
  const reused = Buffer.alloc(1 << 20)
  for (let at = 0; at < bytes.length; ) {
    const size = Math.min(Math.max(1, sizes()), bytes.length - at, reused.length)
    // The same memory each time: the scanner may not keep what it was given.
    reused.set(bytes.subarray(at, at + size))
    yield reused.subarray(0, size)
    at += size
  }
}

async function read(
  text: string | Uint8Array,
  options: JsonStreamOptions = {},
  sizes: () => number = () => 7,
): Promise<Seen> {
  const seen: Seen = { values: [], broken: [] }
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  for await (const element of jsonElements(chunked(bytes, sizes), options))
    if (element.kind === 'element') seen.values.push(element.bytes.toString('utf8'))
    else seen.broken.push({ index: element.index, reason: element.reason })
  return seen
}

describe('elements of JSON files', () => {
  test('any array, written in any way and cut into any chunks, gives back its elements', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue({ maxDepth: 5 }), { maxLength: 8 }),
        fc.constantFrom(undefined, 1, 4, '\t'),
        fc.boolean(),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        async (values, indent, mark, sizes) => {
          const text = (mark ? '\ufeff' : '') + JSON.stringify(values, undefined, indent)
          const seen = await read(text, {}, () => sizes.next().value ?? 1)
          expect(seen.broken).toEqual([])
          expect(seen.values.map((value) => JSON.parse(value))).toEqual(JSON.parse(JSON.stringify(values)))
        },
      ),
      { numRuns: 500 },
    )
  })

  test.each([
    ['a single object', '{"a": 1}', {}, undefined],
    ['a single object over several lines', '{\n  "a": [\n{"b": 1},\n{"c": 2}]\n}\n', {}, undefined],
    ['one object per line', '{"a":1}\n{"b":2}\r\n\n{"c":3}', {}, ['{"a":1}', '{"b":2}', '{"c":3}']],
    [
      'an array under a key',
      '{"x":[{"no":1}],"list":[{"a":1},{"b":2}],"y":3}',
      { under: 'list' },
      ['{"a":1}', '{"b":2}'],
    ],
    ['an empty array under a key', '{"list":[]}', { under: 'list' }, []],
    ['no such key', '{"x":[1]}', { under: 'list' }, []],
    ['an empty file', '', {}, []],
    ['an empty array', ' [ ] ', {}, []],
    ['scalars', '[1, "a,]", null,true]', {}, ['1', '"a,]"', 'null', 'true']],
    [
      'brackets and quotes in strings',
      String.raw`[{"a":"}],[{\"\\"},{"b":"\\\""}]`,
      {},
      [String.raw`{"a":"}],[{\"\\"}`, String.raw`{"b":"\\\""}`],
    ],
  ])('%s', async (_, text, options, values) => {
    const seen = await read(text, options)
    expect(seen.broken).toEqual([])
    if (values) expect(seen.values).toEqual(values)
    else expect(seen.values.map((value) => JSON.parse(value))).toEqual([JSON.parse(text)])
  })

  const good = (at: number) => `{"title":"good ${at}","list":[{"id":1},{"id":2}]}`
  test.each([
    ['words that are no JSON', '{bad json}'],
    ['a missing value in a list', '{"title":"x","list":[1,2}'],
    ['a missing brace', '{"title":"x","inner":{"a":1}'],
    ['an open string', '{"title":"x,"inner":{"a":1}}'],
    ['an open string with more text', '{"title":"the title","text":"no end here ,"b":[1,2]}'],
    ['a line break in a string', '{"title":"two\nlines"}'],
    ['a bracket too many', '{"title":"x"]}'],
    ['nested too deep', `{"title":${'['.repeat(400)}${']'.repeat(400)}}`],
    ['a control character', '{"title":"\u0001"}'],
    ['a stray closing bracket', '{"title":[]]}'],
  ])('one broken element is reported and the others are read: %s', async (_, broken) => {
    for (const separator of [',', ',\n  '])
      for (const chunk of [1, 7, 100_000]) {
        const text = `[${[good(0), good(1), broken, good(3), good(4)].join(separator)}]`
        const seen = await read(text, {}, () => chunk)
        const titles = seen.values.flatMap((value) => {
          try {
            const title: unknown = JSON.parse(value).title
            return typeof title === 'string' && title.startsWith('good') ? [title] : []
          } catch {
            return []
          }
        })
        expect(titles, `${separator} ${chunk}`).toEqual(['good 0', 'good 1', 'good 3', 'good 4'])
        expect(seen.broken.length, `${separator} ${chunk}`).toBeGreaterThan(0)
      }
  })

  test('a broken first element, and elements that begin differently', async () => {
    expect(await read('[{"a":oops},{"b":2},{"c":3}]')).toEqual({
      values: ['{"b":2}', '{"c":3}'],
      broken: [{ index: 0, reason: 'syntax' }],
    })
  })

  test('a broken line costs that line only', async () => {
    const seen = await read('{"a":1}\n{"b": oops}\n{"c":"open\n{"d":4}\ngarbage\n{"e":5}\n')
    expect(seen.values).toEqual(['{"a":1}', '{"d":4}', '{"e":5}'])
    expect(seen.broken).toHaveLength(3)
  })

  test('a file cut off at any byte gives every whole element and says that it ends early', async () => {
    const elements = [good(0), good(1), good(2)]
    const text = Buffer.from(`[${elements.join(',')}]`)
    for (let size = 1; size < text.length; size++) {
      const { values, broken } = await read(text.subarray(0, size))
      let end = 1
      const complete = elements.filter((element, at) => {
        end += element.length + (at === 0 ? 0 : 1)
        return end <= size
      })
      expect(values, `cut at ${size}`).toEqual(complete)
      expect(
        broken.map(({ reason }) => reason),
        `cut at ${size}`,
      ).toEqual(['truncated'])
    }
  })

  test('an element over the limit is passed over without being held', async () => {
    const large = `{"title":"${'x'.repeat(5_000_000)}"}`
    const { values, broken } = await read(
      `[${good(0)},${large},${good(2)}]`,
      { maxBytes: 1_000 },
      () => 65_536,
    )
    expect(values).toEqual([good(0), good(2)])
    expect(broken).toEqual([{ index: 1, reason: 'too-large' }])
  })

  test('what is no JSON is said so at once, without reading it all', async () => {
    let asked = 0
    async function* picture() {
      for (;;) {
        asked++
        yield Buffer.from('\x89PNG.............')
      }
    }
    const seen = []
    for await (const element of jsonElements(picture())) seen.push(element)
    expect(seen).toEqual([{ kind: 'broken', index: 0, reason: 'not-json' }])
    expect(asked).toBe(1)
  })

  test('bytes behind the end are reported', async () => {
    expect((await read('[{"a":1}] tail')).broken).toEqual([{ index: 1, reason: 'syntax' }])
  })

  test('random damage never throws, never loops, and never invents more than it was given', async () => {
    const random = testRandom()
    const source = Buffer.from(JSON.stringify(Array.from({ length: 12 }, (_, at) => JSON.parse(good(at)))))
    for (let run = 0; run < 3_000; run++) {
      const bytes = Buffer.from(source)
      for (let hit = random.integer(4); hit >= 0; hit--)
        bytes[random.integer(bytes.length)] = random.pick([
          0, 0x22, 0x5c, 0x5b, 0x5d, 0x7b, 0x7d, 0x2c, 0xff, 0x61,
        ])
      const { values, broken } = await read(bytes.subarray(0, 1 + random.integer(bytes.length)), {}, () => 50)
      expect(values.join('').length).toBeLessThanOrEqual(bytes.length)
      expect(values.length + broken.length).toBeLessThan(200)
    }
  })

  test('reads 100 MB in less than ten seconds', { timeout: 60_000 }, async () => {
    const random = seededRandom('speed')
    const element = Buffer.from(
      JSON.stringify({
        title: 'x',
        text: Array.from({ length: 2_000 }, () => random.pick(['word', '"', '\n', 'été'])).join(' '),
      }),
    )
    const block = Buffer.concat(Array.from({ length: 100 }, () => [element, Buffer.from(',')]).flat())
    const blocks = Math.ceil(100e6 / block.length)
    async function* file() {
      yield Buffer.from('[')
      for (let at = 0; at < blocks; at++) yield block
      yield Buffer.concat([element, Buffer.from(']')])
    }
    const start = performance.now()
    let count = 0
    for await (const _ of jsonElements(file())) count++
    const seconds = (performance.now() - start) / 1_000
    console.log(`scanned at ${((blocks * block.length) / 1e6 / seconds).toFixed(0)} MB/s (goal 100)`)
    expect(count).toBe(blocks * 100 + 1)
    expect(seconds).toBeLessThan(10)
  })
})
