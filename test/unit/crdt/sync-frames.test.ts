import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Cbor, decodeCanonical, encodeCanonical } from '../../../crdt/cbor.ts'
import { logName } from '../../../crdt/frontier.ts'
import { type ByeReason, decodeFrame, encodeFrame, type Frame } from '../../../crdt/sync-frames.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })
const position = fc.record({ device: bytes(32), incarnation: bytes(8), sequence: count })
const logs = <T extends { device: Uint8Array; incarnation: Uint8Array }>(
  item: fc.Arbitrary<T>,
  minLength = 0,
) => fc.uniqueArray(item, { minLength, maxLength: 20, selector: logName })
const record = <T extends Frame['type'], R>(type: T, fields: { [K in keyof R]: fc.Arbitrary<R[K]> }) =>
  fc.record({ type: fc.constant(type), ...fields })
const reasons: ByeReason[] = ['not-a-device', 'refused', 'protocol', 'busy', 'closing']

const frame = fc.oneof(
  record('state', { frontier: bytes(16), members: bytes(8), ask: fc.boolean() }),
  record('members', {
    documents: fc.array(fc.uint8Array({ minLength: 1, maxLength: 100 }), { maxLength: 10 }),
    more: fc.boolean(),
  }),
  record('have', {
    heads: logs(fc.record({ device: bytes(32), incarnation: bytes(8), sequence: count, hash: bytes(16) })),
  }),
  record('want', {
    runs: logs(
      position.chain((log) =>
        fc.integer({ min: log.sequence, max: Number.MAX_SAFE_INTEGER }).map((upTo) => ({ ...log, upTo })),
      ),
      1,
    ),
    credit: fc.integer({ min: 1, max: 16 * 1024 * 1024 }),
  }),
  record('totals', { operations: count }),
  record('segment', { bytes: fc.uint8Array({ minLength: 1, maxLength: 500 }) }),
  record('ack', { credit: count }),
  record('want-blobs', { hashes: fc.array(bytes(32), { minLength: 1, maxLength: 20 }) }),
  record('blob', {
    hash: bytes(32),
    offset: fc.nat(),
    total: fc.integer({ min: 0, max: 512 * 1024 * 1024 }),
    bytes: fc.uint8Array({ maxLength: 300 }),
  }),
  record('bye', { reason: fc.constantFrom(...reasons) }),
) as fc.Arbitrary<Frame>

describe('sync frames', () => {
  test('come back as they were', () => {
    fc.assert(
      fc.property(frame, (sample) => {
        expect(decodeFrame(encodeFrame(sample))).toEqual(sample)
      }),
      { numRuns: 2_000 },
    )
  })

  test('with a byte changed, cut or added are refused or another frame in its only form', () => {
    fc.assert(
      fc.property(frame, fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 2 }), (sample, at, value, change) => {
        const encoded = Buffer.from(encodeFrame(sample))
        const index = at % encoded.length
        if (change === 0) encoded[index] = value
        const changed = [encoded, encoded.subarray(0, index), Buffer.concat([encoded, Buffer.of(value)])][
          change
        ]!
        const again = readOrRefuse(changed)
        if (again) expect(Buffer.compare(encodeFrame(again), changed)).toBe(0)
      }),
      { numRuns: 5_000 },
    )
  })

  test('of chance are refused, whatever they are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (sample) => {
        const read = readOrRefuse(sample)
        if (read) expect(encodeFrame(read)).toEqual(sample)
      }),
      { numRuns: 5_000 },
    )
  })

  test('with a field left out, added or of another type are refused', () => {
    const other: Cbor[] = [
      null,
      -1,
      0.5,
      2 ** 53,
      'text',
      new Uint8Array(7),
      [],
      new Map<Cbor, Cbor>([[1, 1]]),
    ]
    fc.assert(
      fc.property(frame, fc.nat(), fc.constantFrom(...other), (sample, at, value) => {
        const parts = [...(decodeCanonical(encodeFrame(sample)) as Cbor[])]
        expect(() => decodeFrame(encodeCanonical(parts.slice(0, -1)))).toThrow()
        expect(() => decodeFrame(encodeCanonical([...parts, value]))).toThrow()
        const index = at % parts.length
        const fits = Array.isArray(value) && Array.isArray(parts[index])
        const isBytes = value instanceof Uint8Array && parts[index] instanceof Uint8Array
        if (fits || isBytes) return
        parts[index] = value
        expect(() => decodeFrame(encodeCanonical(parts))).toThrow()
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('limits of a sync frame', () => {
  const log = (index: number): [Uint8Array, Uint8Array] => {
    const device = Buffer.alloc(32)
    device.writeUInt32BE(index)
    return [device, new Uint8Array(8)]
  }
  const many = (length: number, item: (index: number) => Cbor): Cbor[] =>
    Array.from({ length }, (_, i) => item(i))
  const heads = (length: number): Cbor => [3, many(length, (i) => [...log(i), 1, new Uint8Array(16)])]
  const wants = (length: number): Cbor => [4, many(length, (i) => [...log(i), 1, 1]), 1]
  const members = (length: number, size: number): Cbor => [2, many(length, () => new Uint8Array(size)), false]
  const hashes = (length: number): Cbor => [8, many(length, () => new Uint8Array(32))]
  const blob = (size: number, total = size): Cbor => [9, new Uint8Array(32), 0, total, new Uint8Array(size)]

  test.each<[string, Cbor, Cbor]>([
    ['1,024 logs', heads(1_024), heads(1_025)],
    ['1,024 wanted', wants(1_024), wants(1_025)],
    ['256 documents', members(256, 1), members(257, 1)],
    ['16 KiB a document', members(1, 16 * 1024), members(1, 16 * 1024 + 1)],
    ['256 KiB', members(15, 16 * 1024), members(16, 16 * 1024)],
    ['1,000 hashes', hashes(1_000), hashes(1_001)],
    ['128 KiB a piece', blob(128 * 1024), blob(128 * 1024 + 1)],
    ['512 MiB a blob', blob(1, 512 * 1024 * 1024), blob(1, 512 * 1024 * 1024 + 1)],
    ['a log once', heads(1), [3, [1, 1].map(() => [...log(0), 1, new Uint8Array(16)])]],
    ['a run forwards', [4, [[...log(0), 5, 0]], 1], [4, [[...log(0), 5, -1]], 1]],
    [
      'a run within the integers',
      [4, [[...log(0), 2, 2 ** 53 - 3]], 1],
      [4, [[...log(0), 2, 2 ** 53 - 2]], 1],
    ],
    ['a head from 1', heads(1), [3, [[...log(0), 0, new Uint8Array(16)]]]],
    ['some credit', wants(1), [4, [[...log(0), 1, 1]], 0]],
    ['not too much credit', [4, [[...log(0), 1, 1]], 1 << 24], [4, [[...log(0), 1, 1]], (1 << 24) + 1]],
    ['a known reason', [10, 5], [10, 6]],
    ['a known frame', [10, 1], [11, 1]],
  ])('%s', (_, fine, refused) => {
    expect(() => decodeFrame(encodeCanonical(fine))).not.toThrow()
    expect(() => decodeFrame(encodeCanonical(refused))).toThrow()
  })

  test('arrays within arrays do not bring it down', () => {
    expect(() => decodeFrame(new Uint8Array(256 * 1024).fill(0x81))).toThrow()
  })

  test('a frame that is too large is not sent', () => {
    expect(() => encodeFrame({ type: 'segment', bytes: new Uint8Array(256 * 1024) })).toThrow(RangeError)
  })
})

function readOrRefuse(sample: Uint8Array): Frame | undefined {
  try {
    return decodeFrame(sample)
  } catch {
    return undefined
  }
}
