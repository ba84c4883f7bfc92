import { encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Cbor, decodeCanonical, encodeCanonical } from '../../../crdt/cbor.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

const scalar: fc.Arbitrary<Cbor> = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.maxSafeInteger(),
  fc.constantFrom(
    0,
    23,
    24,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    -1,
    -24,
    -25,
    -256,
    -257,
    -(2 ** 32),
  ),
  fc.double({ noNaN: true }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc.uint8Array({ maxLength: 300 }),
)
const value = fc.letrec<{ value: Cbor }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 30 }),
    fc
      .array(fc.tuple(fc.oneof(fc.nat(), fc.string({ maxLength: 30 })), tie('value')), { maxLength: 30 })
      .map((entries) => new Map(entries)),
  ),
})).value

describe('canonical CBOR', () => {
  test('is byte for byte what the general encoder makes', () => {
    fc.assert(
      fc.property(value, (sample) => {
        expect(hex(encodeCanonical(sample))).toBe(hex(encode(sample, rfc8949EncodeOptions)))
      }),
      { numRuns: 3_000 },
    )
  })

  test('a value larger than any buffer so far, and one after it', () => {
    const long = 'ä'.repeat(200_000)
    expect(hex(encodeCanonical([long, 1]))).toBe(hex(encode([long, 1], rfc8949EncodeOptions)))
    expect(hex(encodeCanonical([1, 'a']))).toBe('82016161')
  })

  test('answers are not changed by later calls', () => {
    const first = encodeCanonical(['a', 1])
    const kept = hex(first)
    encodeCanonical(['something else', 2 ** 40])
    expect(hex(first)).toBe(kept)
  })

  test.each([
    ['a longer integer', '1817'],
    ['a longer text head', '780161'],
    ['an indefinite array', '9f01ff'],
    ['keys out of order', 'a202010102'],
    ['a repeated key', 'a201010102'],
    ['something behind', '0101'],
    ['nothing', ''],
    ['a tag', 'c001'],
    ['a longer float', 'fb3ff0000000000000'],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeCanonical(Buffer.from(bytes, 'hex'))).toThrow()
  })
})
