import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Cbor, encodeCanonical } from '../../../crdt/cbor.ts'
import { LogChain } from '../../../crdt/log.ts'
import {
  decodeOperation,
  encodeOperation,
  type Operation,
  rowOfOperation,
  saltOf,
} from '../../../crdt/operation.ts'
import { segmentMessage } from '../../../crdt/segment.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })

const operation: fc.Arbitrary<Operation> = fc.record({
  hlc: fc.record({
    ms: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    counter: fc.integer({ min: 0, max: 0xffff }),
    device: bytes(8),
  }),
  kind: fc.constantFrom('INSERT', 'UPDATE', 'DELETE', 'UNDELETE'),
  table: fc.integer({ min: 1, max: 70_000 }),
  key: fc.string({ unit: 'grapheme', maxLength: 400 }),
  schemaVersion: fc.integer({ min: 0, max: 300 }),
  columns: fc
    .array(
      fc.tuple(
        fc.integer({ min: 1, max: 255 }),
        fc.oneof(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.constant(null), fc.uint8Array()),
      ),
    )
    .map((entries) => new Map(entries)),
})

const hex = (value: Uint8Array) => Buffer.from(value).toString('hex')

/** Bytes as hex, columns in order: for comparison by value. */
function plain({ hlc, columns, ...rest }: Operation) {
  const values = [...columns].map(([column, value]) => [
    column,
    value instanceof Uint8Array ? hex(value) : value,
  ])
  return {
    ...rest,
    hlc: { ...hlc, device: hex(hlc.device) },
    columns: values.sort((a, b) => Number(a[0]) - Number(b[0])),
  }
}

describe('operations', () => {
  test('encode canonically and read back; table and key are found without decoding', () => {
    fc.assert(
      fc.property(operation, (value) => {
        const encoded = encodeOperation(value)
        const back = decodeOperation(encoded)
        expect(hex(encodeOperation(back))).toBe(hex(encoded))
        expect(plain(back)).toEqual(plain(value))
        expect(rowOfOperation(encoded)).toEqual({ table: value.table, key: value.key })
      }),
    )
  })

  test('the order in which columns were set does not change the bytes', () => {
    fc.assert(
      fc.property(operation, (value) => {
        const reversed = { ...value, columns: new Map([...value.columns].reverse()) }
        expect(hex(encodeOperation(reversed))).toBe(hex(encodeOperation(value)))
      }),
    )
  })

  test('any flipped bit is refused or gives another operation, never the same one', () => {
    fc.assert(
      fc.property(operation, fc.nat(), fc.integer({ min: 0, max: 7 }), (value, at, bit) => {
        const encoded = encodeOperation(value)
        const flipped = Uint8Array.from(encoded)
        flipped[at % flipped.length]! ^= 1 << bit
        let decoded: Operation | undefined
        try {
          decoded = decodeOperation(flipped)
        } catch {
          return
        }
        // A kind of a newer program: what is held is its bytes.
        if (decoded.kind === 'UNKNOWN') return
        expect(hex(encodeOperation(decoded))).toBe(hex(flipped))
      }),
      { numRuns: 500 },
    )
  })

  test.each<[string, Cbor]>([
    ['no array', 7],
    ['too few parts', [new Uint8Array(16), 1, 1, 'a', 1]],
    ['a short stamp', [new Uint8Array(15), 1, 1, 'a', 1, new Map()]],
    ['a kind that is no number', [new Uint8Array(16), 'a', 1, 'a', 1, new Map()]],
    ['a newer kind with a short stamp', [new Uint8Array(15), 99, 1, 'a', 1, new Map()]],
    ['a text key on an erase', [new Uint8Array(16), 5, 1, 'a', 1, new Map()]],
    ['a marker on an insert', [new Uint8Array(16), 1, 1, new Uint8Array(32), 1, new Map()]],
    ['the tombstone as a column', [new Uint8Array(16), 1, 1, 'a', 1, new Map<Cbor, Cbor>([[0, 1]])]],
    ['a nested value', [new Uint8Array(16), 1, 1, 'a', 1, new Map<Cbor, Cbor>([[1, [2]]])]],
  ])('refuses %s', (_, parts) => expect(() => decodeOperation(encodeCanonical(parts))).toThrow())

  test('refuses the same operation in another encoding', () => {
    const encoded = encodeOperation({
      hlc: { ms: 1, counter: 0, device: new Uint8Array(8) },
      kind: 'INSERT',
      table: 1,
      key: 'a',
      schemaVersion: 1,
      columns: new Map([[1, 'x']]),
    })
    const at = encoded.indexOf(0x61, 19) // the header of the one-character key
    const longer = Buffer.concat([encoded.subarray(0, at), Uint8Array.of(0x78, 1), encoded.subarray(at + 1)])
    expect(() => decodeOperation(longer)).toThrow()
    expect(() => decodeOperation(Buffer.concat([encoded, Uint8Array.of(0)]))).toThrow()
  })
})

describe('hashes are over the canonical CBOR of their parts', () => {
  const sha256 = (value: Cbor) => createHash('sha256').update(encodeCanonical(value)).digest()

  test('the chain', () => {
    fc.assert(
      fc.property(bytes(32), bytes(32), bytes(8), bytes(32), bytes(32), fc.maxSafeInteger(), (...parts) => {
        const [space, device, incarnation, previous, commitment, number] = parts
        const sequence = Math.abs(number)
        const chain = new LogChain({ space, device, incarnation })
        expect(Buffer.from(chain.hash(sequence, previous, commitment))).toEqual(
          sha256(['vivim/operation/1', space, device, incarnation, sequence, previous, commitment]),
        )
      }),
    )
  })

  test('the salts', () => {
    fc.assert(
      fc.property(bytes(32), fc.nat(), (seed, sequence) => {
        expect(Buffer.from(saltOf(seed, sequence))).toEqual(
          sha256(['vivim/salt/1', seed, sequence]).subarray(0, 16),
        )
      }),
    )
  })

  test('every field of a segment header changes what is signed', () => {
    const header = {
      space: new Uint8Array(32),
      device: new Uint8Array(32),
      incarnation: new Uint8Array(8),
      first: 1,
      count: 1,
      previousHash: new Uint8Array(32),
      membershipHead: new Uint8Array(32),
      headHash: new Uint8Array(32),
    }
    const seen = new Set([Buffer.from(segmentMessage(header)).toString('hex')])
    for (const [field, value] of Object.entries(header)) {
      const other = typeof value === 'number' ? value + 1 : Uint8Array.from(value, () => 1)
      seen.add(Buffer.from(segmentMessage({ ...header, [field]: other })).toString('hex'))
    }
    expect(seen.size).toBe(Object.keys(header).length + 1)
  })
})
