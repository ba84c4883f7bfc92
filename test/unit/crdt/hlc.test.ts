import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  compareHlc,
  type Hlc,
  hlcFromBytes,
  hlcFromText,
  hlcToBytes,
  hlcToText,
  receive,
  tick,
} from '../../../crdt/hlc.ts'

const hlc: fc.Arbitrary<Hlc> = fc.record({
  ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  counter: fc.integer({ min: 0, max: 0xffff }),
  device: fc.uint8Array({ minLength: 8, maxLength: 8 }),
})

describe('hybrid logical clock', () => {
  test('ticks strictly rise whatever the wall clock does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 2 ** 40 }), { minLength: 1, maxLength: 200 }),
        (walls) => {
          let last = { ms: 0, counter: 0 }
          for (const wall of walls) {
            const next = tick(last, wall)
            expect(next.ms > last.ms || (next.ms === last.ms && next.counter > last.counter)).toBe(true)
            expect(next.ms).toBeGreaterThanOrEqual(wall)
            last = next
          }
        },
      ),
    )
  })

  test('a full counter carries into the milliseconds', () => {
    expect(tick({ ms: 7, counter: 0xffff }, 3)).toEqual({ ms: 8, counter: 0 })
  })

  test('a tick after hearing of a stamp is above it', () => {
    fc.assert(
      fc.property(hlc, hlc, fc.integer({ min: 0, max: 2 ** 47 }), (own, remote, wall) => {
        const next = { ...tick(receive(own, remote), wall), device: own.device }
        expect(next.ms > remote.ms || (next.ms === remote.ms && next.counter > remote.counter)).toBe(true)
        expect(next.ms > own.ms || (next.ms === own.ms && next.counter > own.counter)).toBe(true)
      }),
    )
  })

  test('the text form is 33 characters, sorts as stamps and bytes do, and reads back', () => {
    fc.assert(
      fc.property(hlc, hlc, (a, b) => {
        const [textA, textB] = [hlcToText(a), hlcToText(b)]
        expect(textA).toMatch(/^[0-9a-f]{16}-[0-9a-f]{16}$/)
        const order = Math.sign(compareHlc(a, b))
        expect(textA < textB ? -1 : textA > textB ? 1 : 0).toBe(order)
        expect(Math.sign(Buffer.compare(hlcToBytes(a), hlcToBytes(b)))).toBe(order)
        expect(hlcFromText(textA)).toEqual(a)
        expect(hlcFromBytes(hlcToBytes(a))).toEqual(a)
      }),
    )
  })

  test('one known stamp', () => {
    const stamp = { ms: 1_767_225_600_000, counter: 258, device: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) }
    expect(hlcToText(stamp)).toBe('019b76daa8000102-0102030405060708')
  })

  test.each([
    '',
    '019b76da4400010-0102030405060708',
    '019B76DA44000102-0102030405060708',
    '019b76da44000102-01020304050607zz',
  ])('refuses %j', (text) => expect(hlcFromText(text)).toBeUndefined())
})
