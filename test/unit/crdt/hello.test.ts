import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeHelloAnswer,
  decodeHelloNonce,
  decodeHelloTags,
  decodeHelloTime,
  encodeHelloAnswer,
  encodeHelloNonce,
  encodeHelloTags,
  encodeHelloTime,
  helloAnswerTag,
  helloKey,
  helloTags,
  matchTags,
} from '../../../crdt/hello.ts'
import { type SeededRandom, testRandom } from '../../support/seed.ts'

const parties = (random: SeededRandom) => ({
  initiatorPeerId: 'first',
  responderPeerId: 'second',
  initiatorNonce: random.bytes(16),
  responderNonce: random.bytes(16),
})
const keysOf = (random: SeededRandom, count: number) =>
  Array.from({ length: count }, () => helloKey(random.bytes(32)))
const tagsIn = (bytes: Uint8Array) =>
  Array.from({ length: bytes.length / 8 }, (_, index) =>
    Buffer.from(bytes.subarray(index * 8, index * 8 + 8)).toString('hex'),
  )

describe('tags', () => {
  test.each([
    [0, 16],
    [1, 16],
    [16, 16],
    [17, 64],
    [65, 256],
    [257, 1024],
    [1024, 1024],
  ])('%i keys make %i tags', (keys, count) => {
    const random = testRandom()
    const tags = helloTags({
      ...parties(random),
      keys: keysOf(random, keys),
      direction: 'initiator',
      pad: random.bytes,
    })
    expect(tags.length).toBe(count * 8)
    expect(new Set(tagsIn(tags)).size).toBe(count)
    expect(tagsIn(tags)).toEqual(tagsIn(tags).sort())
  })

  test('1,025 keys are too many', () => {
    const random = testRandom()
    const keys = Array.from({ length: 1_025 }, () => new Uint8Array(32))
    expect(() => helloTags({ ...parties(random), keys, direction: 'initiator', pad: random.bytes })).toThrow(
      RangeError,
    )
  })

  test('the first common key is found, and none where there is none', () => {
    const random = testRandom()
    const said = parties(random)
    const keys = keysOf(random, 5)
    const theirs = [keys[2]!, keys[4]!, ...keysOf(random, 3)]
    const tags = helloTags({ ...said, keys: theirs, direction: 'initiator', pad: random.bytes })
    expect(matchTags(tags, { ...said, keys, direction: 'initiator' })).toBe(2)
    expect(matchTags(tags, { ...said, keys: keysOf(random, 5), direction: 'initiator' })).toBeUndefined()
    expect(matchTags(tags, { ...said, keys: [], direction: 'initiator' })).toBeUndefined()
  })

  test('fit one direction, one pair of peers and one pair of nonces', () => {
    const random = testRandom()
    const said = parties(random)
    const keys = keysOf(random, 1)
    const tags = helloTags({ ...said, keys, direction: 'initiator', pad: random.bytes })
    const others = [
      { ...said, direction: 'responder' as const },
      { ...said, direction: 'initiator' as const, initiatorPeerId: 'third' },
      { ...said, direction: 'initiator' as const, responderPeerId: 'third' },
      { ...said, direction: 'initiator' as const, initiatorNonce: random.bytes(16) },
      { ...said, direction: 'initiator' as const, responderNonce: random.bytes(16) },
      { ...said, direction: 'initiator' as const, initiatorPeerId: 'firsts', responderPeerId: 'econd' },
    ]
    for (const other of others) expect(matchTags(tags, { ...other, keys })).toBeUndefined()
  })

  test('the answer fits whoever holds the key; to a stranger it is random', () => {
    const random = testRandom()
    const said = parties(random)
    const keys = keysOf(random, 3)
    const tag = helloAnswerTag({ ...said, key: keys[1], pad: random.bytes })
    expect(matchTags(tag, { ...said, keys, direction: 'responder' })).toBe(1)
    const nothing = helloAnswerTag({ ...said, key: undefined, pad: random.bytes })
    expect(nothing.length).toBe(tag.length)
    expect(matchTags(nothing, { ...said, keys, direction: 'responder' })).toBeUndefined()
    // No key of zeros lets anybody tell that nothing matched.
    expect(
      matchTags(nothing, { ...said, keys: [new Uint8Array(32)], direction: 'responder' }),
    ).toBeUndefined()
  })
})

describe('flights', () => {
  test('come back as they were, in 256 bytes for 16 tags', () => {
    const random = testRandom()
    const nonce = random.bytes(16)
    const tags = random.bytes(128)
    const answer = { tag: random.bytes(8), frontier: random.bytes(32) }
    const flights = [
      encodeHelloNonce(nonce),
      encodeHelloNonce(nonce),
      encodeHelloTags(tags),
      encodeHelloAnswer(answer),
      encodeHelloTime(2 ** 48 - 1),
      encodeHelloTime(0),
    ]
    expect(decodeHelloNonce(flights[0]!)).toEqual(nonce)
    expect(decodeHelloTags(flights[2]!)).toEqual(tags)
    expect(decodeHelloAnswer(flights[3]!)).toEqual(answer)
    expect(flights.slice(4).map(decodeHelloTime)).toEqual([2 ** 48 - 1, 0])
    expect(flights.reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(256)
  })

  test('nothing else is taken for one', () => {
    const random = testRandom()
    expect(() => encodeHelloNonce(random.bytes(15))).toThrow()
    expect(() => encodeHelloTags(random.bytes(8 * 17))).toThrow()
    expect(() => encodeHelloAnswer({ tag: random.bytes(9), frontier: random.bytes(32) })).toThrow()
    expect(() => decodeHelloTags(encodeHelloNonce(random.bytes(16)))).toThrow()
    expect(() => decodeHelloNonce(encodeHelloTags(random.bytes(128)))).toThrow()
    expect(() => decodeHelloAnswer(encodeHelloTags(random.bytes(128)))).toThrow()
    expect(() =>
      decodeHelloNonce(Buffer.concat([encodeHelloNonce(random.bytes(16)), Buffer.of(0)])),
    ).toThrow()
  })

  test('bytes of chance are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        for (const decode of [decodeHelloNonce, decodeHelloTags, decodeHelloAnswer, decodeHelloTime])
          expect(() => decode(bytes)).toThrow()
      }),
      { numRuns: 2_000 },
    )
  })
})
