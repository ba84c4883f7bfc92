import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeShippedSegment } from '../../../crdt/shipped-segment.ts'
import { runOfSegment } from '../../../crdt/sync-segment-run.ts'
import { segment } from './engine-session.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

describe('which operations a segment carries', () => {
  test('is read without its operations', () => {
    fc.assert(
      fc.property(
        bytes(32),
        bytes(8),
        fc.integer({ min: 1, max: 2 ** 48 }),
        fc.integer({ min: 1, max: 256 }),
        fc.nat({ max: 255 }),
        fc.boolean(),
        (device, incarnation, first, count, skip, seeded) => {
          const from = first + (skip % count)
          const encoded = encodeShippedSegment({
            space: new Uint8Array(32),
            device,
            incarnation,
            first,
            count,
            previousHash: new Uint8Array(32),
            membershipHead: new Uint8Array(32),
            headHash: new Uint8Array(32),
            signature: new Uint8Array(64),
            ...(seeded ? { seed: new Uint8Array(32) } : {}),
            from,
            operations: [],
          })
          expect(runOfSegment(encoded)).toEqual({
            device,
            incarnation,
            sequence: from,
            upTo: first + count - 1,
          })
        },
      ),
    )
  })

  test('anything cut short or of chance is refused', () => {
    const whole = segment(1, 1, 1)
    const operations = whole.length - 13
    for (let end = 0; end < operations; end++) expect(() => runOfSegment(whole.subarray(0, end))).toThrow()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (sample) => {
        expect(() => runOfSegment(sample)).toThrow()
      }),
    )
  })

  test('nothing holds on to the segment', () => {
    const whole = segment(1, 1, 1)
    expect(runOfSegment(whole).device.buffer).not.toBe(whole.buffer)
  })
})
