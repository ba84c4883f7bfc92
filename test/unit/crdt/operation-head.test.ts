import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCanonical } from '../../../crdt/cbor.ts'
import { readHead } from '../../../crdt/operation-head.ts'

const stamp = fc.uint8Array({ minLength: 16, maxLength: 16 })

test('the head of an operation of any kind and any number of parts is read', () => {
  fc.assert(
    fc.property(
      stamp,
      fc.oneof(fc.nat({ max: 300 }), fc.maxSafeInteger().map(Math.abs)),
      fc.nat(),
      fc.oneof(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.uint8Array({ maxLength: 400 })),
      fc.nat({ max: 40 }),
      (hlc, kind, table, key, more) => {
        const parts = [hlc, kind, table, key, ...Array.from({ length: more }, () => 0)]
        expect(readHead(encodeCanonical(parts))).toEqual({
          kind,
          table,
          key,
        })
      },
    ),
  )
})

test('nothing throws, whatever the bytes are', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => void readHead(bytes)))
  fc.assert(
    fc.property(
      stamp,
      fc.nat({ max: 9 }),
      fc.uint8Array({ maxLength: 20 }),
      (hlc, cut, tail) => void readHead(Uint8Array.of(0x86, 0x50, ...hlc.slice(0, 16 - cut), ...tail)),
    ),
  )
})

test('a key that ends behind the bytes given is none', () => {
  const whole = encodeCanonical([new Uint8Array(16), 26, 1, 'a'.repeat(500), 1])
  expect(readHead(whole.subarray(0, 100))).toEqual({ kind: 26, table: 1, key: undefined })
})
