import { isUtf8 } from 'node:buffer'
import type { Cbor } from './cbor.ts'

/** Arrays and maps within each other; what is nested deeper is refused before it could exhaust the stack. */
export const CBOR_DEPTH = 64

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5, simple: 7 } as const
const SIMPLE = { false: 20, true: 21, null: 22, half: 25, single: 26, double: 27 } as const
const REPLACEMENT = '\ufffd'
/** Shorter text is read byte by byte: the call into the runtime costs more (measured 3x for 8 characters). */
const SHORT_TEXT = 12

const conversion = new DataView(new ArrayBuffer(8))

/**
 * Reads one value and insists, byte by byte, on its only canonical form (RFC 8949 section 4.2.1): shortest heads and
 * floats, definite lengths, keys in ascending order of their bytes, valid UTF-8, nothing behind. Three times as fast
 * as to decode, encode again and compare (measured for an operation), and makes the same decisions.
 */
export class CanonicalReader {
  readonly #bytes: Buffer
  readonly #views: boolean
  #at = 0
  #depth = 0

  /** With `views` byte strings are views into `bytes`; copies otherwise, so that nothing holds on to it. */
  constructor(bytes: Uint8Array, views = false) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#views = views
  }

  /** @throws on anything but exactly one canonical value */
  read(): Cbor {
    const value = this.#value()
    if (this.#at !== this.#bytes.length) throw refused('something is behind the value')
    return value
  }

  #value(): Cbor {
    const first = this.#bytes[this.#at++]
    if (first === undefined) throw refused('it ends early')
    const info = first & 31
    switch (first >> 5) {
      case MAJOR.unsigned:
        return this.#integer(info)
      case MAJOR.negative:
        return this.#negative(info)
      case MAJOR.bytes:
        return this.#byteString(this.#length(info))
      case MAJOR.text:
        return this.#text(this.#length(info))
      case MAJOR.array:
        return this.#array(this.#length(info))
      case MAJOR.map:
        return this.#map(this.#length(info))
      case MAJOR.simple:
        return this.#simple(info)
      default:
        throw refused('tags have no place here')
    }
  }

  /** The argument of a head in its shortest form; as bigint beyond 2^53. */
  #integer(info: number): number | bigint {
    if (info < 24) return info
    const bytes = this.#bytes
    const at = this.#at
    const size = info === 24 ? 1 : info === 25 ? 2 : info === 26 ? 4 : info === 27 ? 8 : 0
    if (size === 0 || at + size > bytes.length) throw refused('a bad head')
    this.#at = at + size
    if (size === 1) return shortest(bytes[at]!, 24)
    if (size === 2) return shortest(bytes[at]! * 0x100 + bytes[at + 1]!, 0x100)
    const high = bytes.readUInt32BE(at)
    if (size === 4) return shortest(high, 0x10000)
    shortest(high, 1)
    const value = high * 2 ** 32 + bytes.readUInt32BE(at + 4)
    return value <= Number.MAX_SAFE_INTEGER ? value : bytes.readBigUInt64BE(at)
  }

  #negative(info: number): number | bigint {
    const value = this.#integer(info)
    if (typeof value === 'number' && value < Number.MAX_SAFE_INTEGER) return -1 - value
    return -1n - BigInt(value)
  }

  /** No length is beyond what is left, so nothing is made for a lie about one. */
  #length(info: number): number {
    const length = this.#integer(info)
    if (typeof length !== 'number' || length > this.#bytes.length - this.#at) throw refused('it ends early')
    return length
  }

  #byteString(length: number): Uint8Array {
    const start = this.#at
    this.#at = start + length
    const view = this.#bytes.subarray(start, this.#at)
    return this.#views ? view : new Uint8Array(view)
  }

  #text(length: number): string {
    const bytes = this.#bytes
    const start = this.#at
    const end = start + length
    this.#at = end
    if (length <= SHORT_TEXT) {
      let text = ''
      let at = start
      for (; at < end && bytes[at]! < 0x80; at++) text += String.fromCharCode(bytes[at]!)
      if (at === end) return text
    }
    const text = bytes.toString('utf8', start, end)
    // Bytes that are no text come out as replacement characters, which may also be meant.
    if (text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end))) throw refused('text is not UTF-8')
    return text
  }

  #array(length: number): Cbor[] {
    this.#enter()
    const items: Cbor[] = []
    for (let index = 0; index < length; index++) items.push(this.#value())
    this.#depth--
    return items
  }

  #map(length: number): Map<Cbor, Cbor> {
    this.#enter()
    const map = new Map<Cbor, Cbor>()
    let [before, beforeEnd] = [0, 0]
    for (let index = 0; index < length; index++) {
      const start = this.#at
      const key = this.#value()
      const end = this.#at
      if (index > 0 && this.#bytes.compare(this.#bytes, before, beforeEnd, start, end) <= 0)
        throw refused('keys are not in order')
      before = start
      beforeEnd = end
      map.set(key, this.#value())
    }
    this.#depth--
    return map
  }

  #enter(): void {
    if (++this.#depth > CBOR_DEPTH) throw refused('it is nested too deeply')
  }

  #simple(info: number): Cbor {
    if (info === SIMPLE.null) return null
    if (info === SIMPLE.false) return false
    if (info === SIMPLE.true) return true
    return this.#float(info)
  }

  #float(info: number): number {
    const bytes = this.#bytes
    const size = info === SIMPLE.half ? 2 : info === SIMPLE.single ? 4 : info === SIMPLE.double ? 8 : 0
    if (size === 0 || this.#at + size > bytes.length) throw refused('a simple value nobody knows')
    const at = this.#at
    this.#at = at + size
    if (size === 2) {
      const bits = bytes.readUInt16BE(at)
      const value = halfOf(bits)
      const other = Number.isNaN(value) ? bits !== 0x7e00 : Number.isInteger(value) || !isHalf(value)
      if (other) throw refused('a number in another form')
      return value
    }
    const value = size === 4 ? bytes.readFloatBE(at) : bytes.readDoubleBE(at)
    const fits = size === 4 ? isHalf(value) : isSingle(value)
    if (!Number.isFinite(value) || Number.isSafeInteger(value) || fits)
      throw refused('a number in another form')
    return value
  }
}

function shortest(value: number, least: number): number {
  if (value < least) throw refused('a head in a longer form')
  return value
}

function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** As the encoder has it, which writes nothing below 2^-14 in two bytes but powers of two. */
function isHalf(value: number): boolean {
  if (!Number.isFinite(value)) return true
  conversion.setFloat32(0, value)
  const bits = conversion.getUint32(0)
  const exponent = ((bits >> 23) & 0xff) - 127
  const fraction = bits & 0x7fffff
  return exponent >= -14 ? exponent <= 15 && (fraction & 0x1fff) === 0 : exponent >= -24 && fraction === 0
}

function isSingle(value: number): boolean {
  return Math.fround(value) === value
}

function refused(why: string): Error {
  return new Error(`not canonical CBOR: ${why}`)
}
