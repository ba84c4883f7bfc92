import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Frame, LineDecoder } from '../../../rpc/framing.ts'

const CAP = 64

function decodeAll(chunks: readonly Uint8Array[], cap = CAP): Frame[] {
  const decoder = new LineDecoder(cap)
  const frames = chunks.flatMap((chunk) => [...decoder.push(chunk)])
  const last = decoder.end()
  return last === undefined ? frames : [...frames, last]
}

/** The same, written down from the contract over the whole input at once. */
function referenceFrames(input: Buffer, cap: number): Frame[] {
  const frames: Frame[] = []
  let start = 0
  while (start <= input.length) {
    const newline = input.indexOf('\n', start)
    const end = newline === -1 ? input.length : newline
    let line = input.subarray(start, end)
    if (line.at(-1) === 0x0d) line = line.subarray(0, -1)
    if (line.length > cap) frames.push({ kind: 'oversized' })
    else if (line.length > 0) {
      const text = line.toString('utf8')
      frames.push(Buffer.from(text).equals(line) ? { kind: 'line', text } : { kind: 'encoding' })
    }
    if (newline === -1) break
    start = newline + 1
  }
  return frames
}

function cut(input: Buffer, at: readonly number[]): Buffer[] {
  const places = [...new Set(at.map((place) => place % (input.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((place, index) => input.subarray(place, [...places, input.length][index]))
}

describe('lines', () => {
  test('give the same frames however the stream is cut', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 90 }).map((bytes) => Buffer.from(bytes)),
      fc
        .constantFrom('\n', '\r\n', '\r', '\n\n', '€', '😀', ' ', 'x'.repeat(CAP), 'x'.repeat(CAP + 1))
        .map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 12 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (pieces, places) => {
          const input = Buffer.concat(pieces)
          expect(decodeAll(cut(input, places))).toEqual(referenceFrames(input, CAP))
        },
      ),
      { numRuns: 5_000 },
    )
  })

  test('one byte at a time, characters of four bytes stay whole', () => {
    const input = Buffer.from('{"text":"Grüße 😀"}\r\n\n{"n":1}\n')
    expect(decodeAll([...input].map((byte) => Uint8Array.of(byte)))).toEqual([
      { kind: 'line', text: '{"text":"Grüße 😀"}' },
      { kind: 'line', text: '{"n":1}' },
    ])
  })

  test('a byte order mark is part of the line', () => {
    expect(decodeAll([Buffer.from('\ufeff{}\n')])).toEqual([{ kind: 'line', text: '\ufeff{}' }])
  })

  test.each([
    ['a lone continuation byte', [0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
    ['a surrogate in UTF-8', [0xed, 0xa0, 0x80]],
    ['beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['a cut character', [0xe2, 0x82]],
  ])('%s is no UTF-8, and the next line is read', (_, bytes) => {
    expect(decodeAll([Buffer.from([...bytes, 0x0a]), Buffer.from('ok\n')])).toEqual([
      { kind: 'encoding' },
      { kind: 'line', text: 'ok' },
    ])
  })
})

describe('lines over the cap', () => {
  test('exactly the cap passes, with either line end', () => {
    for (const end of ['\n', '\r\n']) {
      expect(decodeAll([Buffer.from('x'.repeat(CAP) + end)])).toHaveLength(1)
      expect(decodeAll([Buffer.from('x'.repeat(CAP) + end)])[0]?.kind).toBe('line')
      expect(decodeAll([Buffer.from('x'.repeat(CAP + 1) + end)])).toEqual([{ kind: 'oversized' }])
    }
  })

  test('are reported before they end, and held nowhere', () => {
    const decoder = new LineDecoder(1024 * 1024)
    const chunk = Buffer.alloc(64 * 1024, 'x')
    const frames: Frame[] = []
    let most = 0
    for (let index = 0; index < 20 * 16; index++) {
      frames.push(...decoder.push(chunk))
      most = Math.max(most, decoder.heldBytes)
    }
    expect(frames).toEqual([{ kind: 'oversized' }])
    expect(most).toBeLessThanOrEqual(1024 * 1024 + 1)
    expect(decoder.heldBytes).toBe(0)
    expect([...decoder.push(Buffer.from('tail\n{}\n'))]).toEqual([{ kind: 'line', text: '{}' }])
  })

  test('a long line in single bytes costs its length, not a buffer per byte', () => {
    const decoder = new LineDecoder(1024 * 1024)
    const one = Uint8Array.of(0x78)
    for (let index = 0; index < 300_000; index++)
      for (const _ of decoder.push(one)) throw new Error('no frame is due')
    expect(decoder.heldBytes).toBeLessThanOrEqual(2 * 300_000)
    expect([...decoder.push(Buffer.from('\n'))]).toHaveLength(1)
    expect(decoder.heldBytes).toBe(0)
  })
})
