import { decode, encode, rfc8949EncodeOptions } from 'cborg'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Cbor, decodeCanonical, encodeCanonical } from '../../../crdt/cbor.ts'
import { CBOR_DEPTH } from '../../../crdt/cbor-reader.ts'

/** The rule itself, the slow way: decode, encode again, compare. */
function decodeAndCompare(bytes: Uint8Array): Cbor {
  const value = decode(bytes, {
    useMaps: true,
    strict: true,
    allowUndefined: false,
    allowIndefinite: false,
    rejectDuplicateMapKeys: true,
  }) as Cbor
  if (Buffer.compare(encode(value, rfc8949EncodeOptions), bytes) !== 0) throw new Error('not canonical')
  return value
}

function outcome(read: (bytes: Uint8Array) => Cbor, bytes: Uint8Array): { value: Cbor } | 'refused' {
  try {
    return { value: read(bytes) }
  } catch {
    return 'refused'
  }
}

function same(bytes: Uint8Array): void {
  // cborg drops a byte order mark, so the slow way refuses text that begins with one.
  if (Buffer.from(bytes).includes('\ufeff')) return
  const hex = Buffer.from(bytes).toString('hex')
  expect(outcome(decodeCanonical, bytes), hex).toEqual(outcome(decodeAndCompare, bytes))
}

const scalar: fc.Arbitrary<Cbor> = fc.oneof(
  fc.constantFrom(null, true, false),
  fc.maxSafeInteger(),
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: -(2n ** 64n), max: -(2n ** 53n) }),
  fc.double(),
  fc.float(),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.uint8Array({ maxLength: 300 }),
)
const value = fc.letrec<{ value: Cbor }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    scalar,
    fc.array(tie('value'), { maxLength: 30 }),
    fc
      .array(fc.tuple(fc.oneof(fc.nat(), fc.integer(), fc.string({ maxLength: 30 })), tie('value')), {
        maxLength: 8,
      })
      .map((entries) => new Map(entries)),
  ),
})).value

describe('reading canonical CBOR in one pass decides as decoding, encoding and comparing does', () => {
  test('of what was encoded', () => {
    fc.assert(
      fc.property(value, (sample) => {
        const bytes = encodeCanonical(sample)
        same(bytes)
        expect(outcome(decodeCanonical, bytes)).not.toBe('refused')
      }),
      { numRuns: 3_000 },
    )
  })

  test('with a byte changed, cut or added', () => {
    fc.assert(
      fc.property(value, fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 2 }), (sample, at, byte, change) => {
        const bytes = Buffer.from(encodeCanonical(sample))
        const index = at % bytes.length
        if (change === 0) bytes[index] = byte
        same([bytes, bytes.subarray(0, index), Buffer.concat([bytes, Buffer.of(byte)])][change]!)
      }),
      { numRuns: 5_000 },
    )
  })

  test('of chance, numbers and floats above all', () => {
    const head = fc.constantFrom(
      0x18,
      0x19,
      0x1a,
      0x1b,
      0x38,
      0x39,
      0x3a,
      0x3b,
      0xf8,
      0xf9,
      0xfa,
      0xfb,
      0x62,
      0xa2,
    )
    const tail = fc.array(fc.oneof(fc.constantFrom(0, 1, 0xff), fc.nat({ max: 255 })), { maxLength: 9 })
    fc.assert(
      fc.property(head, tail, (first, rest) => {
        same(Uint8Array.of(first, ...rest))
      }),
      { numRuns: 20_000 },
    )
  })

  test('every float of two bytes', () => {
    for (let bits = 0; bits < 0x10000; bits++) same(Uint8Array.of(0xf9, bits >> 8, bits & 0xff))
  })

  test('text of every kind of bytes that are none, and of replacement characters that are meant', () => {
    for (const hex of [
      '61ff',
      '62c080',
      '63eda080',
      '64f4908080',
      '63efbfbd',
      '6d61616161616161616161616180',
    ])
      same(Buffer.from(hex, 'hex'))
  })
})

describe('limits', () => {
  const nested = (depth: number) => new Uint8Array([...new Array(depth).fill(0x81), 0x00])

  test('arrays nest only so deep', () => {
    expect(() => decodeCanonical(nested(CBOR_DEPTH))).not.toThrow()
    expect(() => decodeCanonical(nested(CBOR_DEPTH + 1))).toThrow()
    expect(() => decodeCanonical(nested(1_000_000))).toThrow()
  })

  test('a lie about a length makes nothing', () => {
    for (const head of ['5affffffff', '7affffffff', '9affffffff', 'baffffffff', '9bffffffffffffffff'])
      expect(() => decodeCanonical(Buffer.from(head, 'hex'))).toThrow()
  })
})

test('text may begin with a byte order mark', () => {
  const text = '\ufefftitle'
  expect(decodeCanonical(encodeCanonical(text))).toBe(text)
})

test('byte strings are copies unless views are asked for', () => {
  const bytes = encodeCanonical([new Uint8Array([1, 2, 3])])
  const [copy] = decodeCanonical(bytes) as [Uint8Array]
  const [view] = decodeCanonical(bytes, true) as [Uint8Array]
  expect(copy.buffer).not.toBe(bytes.buffer)
  expect(copy.buffer.byteLength).toBe(3)
  expect(view.buffer).toBe(bytes.buffer)
})
