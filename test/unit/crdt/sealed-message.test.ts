import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openMessage, sealMessage, topicOf } from '../../../crdt/sealed-message.ts'

const key = (epoch: number) => ({ epoch, key: new Uint8Array(randomBytes(32)) })
const bytes = (text: string) => new Uint8Array(Buffer.from(text))

describe('sealed messages', () => {
  test('open with the key of their epoch and under their topic, and with nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5_000 }), (plain) => {
        const [old, current] = [key(0), key(1)]
        const sealed = sealMessage(current, 'topic', plain)
        expect(openMessage([old, current], 'topic', sealed)).toEqual(new Uint8Array(plain))
        expect(openMessage([old], 'topic', sealed)).toBeUndefined()
        expect(openMessage([{ ...old, epoch: 1 }], 'topic', sealed)).toBeUndefined()
        expect(openMessage([current], 'other', sealed)).toBeUndefined()
      }),
      { numRuns: 200 },
    )
  })

  test('no changed byte opens', () => {
    const one = key(0)
    const sealed = sealMessage(one, 'topic', bytes('hello'))
    for (let at = 0; at < sealed.length; at++)
      expect(openMessage([one], 'topic', sealed.with(at, sealed[at]! ^ 1)), `byte ${at}`).toBeUndefined()
  })

  test('equal bytes give equal ciphertext; lengths up to 250 bytes look alike; other bytes share no salt', () => {
    const one = key(0)
    const a = sealMessage(one, 't', bytes('a'))
    expect(sealMessage(one, 't', bytes('a'))).toEqual(a)
    expect(sealMessage(one, 't', bytes('b'.repeat(250)))).toHaveLength(a.length)
    expect(Buffer.from(sealMessage(one, 't', bytes('b'))).includes(Buffer.from(a.subarray(5, 37)))).toBe(
      false,
    )
  })

  test('topics differ by space, epoch and key, and name none of them', () => {
    const one = key(0)
    const space = new Uint8Array(32).fill(7)
    const topics = [
      topicOf(one, space),
      topicOf({ ...one, epoch: 1 }, space),
      topicOf(key(0), space),
      topicOf(one, new Uint8Array(32)),
    ]
    expect(new Set(topics).size).toBe(4)
    expect(topics[0]).toMatch(/^\/vivim\/1\/[a-z2-7]{26}$/)
  })
})
