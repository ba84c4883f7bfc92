import { encode, rfc8949EncodeOptions } from 'cborg'
import { CanonicalReader } from './cbor-reader.ts'

/** Canonical CBOR values: what ids, hashes and operations are made of. No floats that are integers, no tags. */
export type Cbor =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Cbor[]
  | ReadonlyMap<Cbor, Cbor>

/** Deterministic CBOR (RFC 8949 section 4.2): one value, one byte string. */
export function encodeCanonical(value: Cbor): Uint8Array {
  return new FastEncoder().encode(value) ?? encode(value, rfc8949EncodeOptions)
}

/**
 * Decodes, and refuses any bytes that are not the canonical form of what they say. Throws on malformed input. Byte
 * strings are copies; with `views` they are views into `bytes`, for whoever lets go of them first.
 */
export function decodeCanonical(bytes: Uint8Array, views = false): Cbor {
  return new CanonicalReader(bytes, views).read()
}

/** The array that these bytes are the canonical form of; undefined for anything else. */
export function tryDecodeArray(bytes: Uint8Array): readonly Cbor[] | undefined {
  try {
    const value = decodeCanonical(bytes)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

const MAJOR = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4, map: 5 } as const
const NULL = 0xf6

let scratch = Buffer.allocUnsafe(1 << 16)

/**
 * Encodes what operations and ids are made of: null, integers, text, bytes, arrays, and maps with keys 0 … 2^53.
 * Four times as fast as the general encoder (measured: 1.8 µs against 7 for an operation), which does the rest:
 * `encode` answers undefined for anything else.
 */
class FastEncoder {
  #at = 0

  encode(value: Cbor): Uint8Array | undefined {
    return this.#write(value) ? new Uint8Array(scratch.subarray(0, this.#at)) : undefined
  }

  #write(value: Cbor): boolean {
    if (typeof value === 'string') return this.#text(value)
    if (typeof value === 'number') return this.#integer(value)
    if (value instanceof Uint8Array) return this.#bytes(value)
    if (value === null) {
      this.#room(1)
      scratch[this.#at++] = NULL
      return true
    }
    if (Array.isArray(value)) {
      this.#head(MAJOR.array, value.length)
      return value.every((item) => this.#write(item))
    }
    return value instanceof Map && this.#map(value as ReadonlyMap<Cbor, Cbor>)
  }

  #text(value: string): boolean {
    // One UTF-16 unit gives at most three bytes.
    this.#room(value.length * 3 + 9)
    const bytes = Buffer.byteLength(value)
    this.#head(MAJOR.text, bytes)
    this.#at += scratch.write(value, this.#at, bytes, 'utf8')
    return true
  }

  #bytes(value: Uint8Array): boolean {
    this.#head(MAJOR.bytes, value.length)
    this.#room(value.length)
    scratch.set(value, this.#at)
    this.#at += value.length
    return true
  }

  #integer(value: number): boolean {
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) return false
    if (value >= 0) this.#head(MAJOR.unsigned, value)
    else this.#head(MAJOR.negative, -1 - value)
    return true
  }

  /** Shorter encodings of non-negative integers sort first, so bytewise order is the order of the numbers. */
  #map(map: ReadonlyMap<Cbor, Cbor>): boolean {
    const keys = [...map.keys()]
    if (
      !keys.every(
        (key): key is number => Number.isSafeInteger(key) && !Object.is(key, -0) && (key as number) >= 0,
      )
    )
      return false
    this.#head(MAJOR.map, keys.length)
    return keys.sort((a, b) => a - b).every((key) => this.#integer(key) && this.#write(map.get(key)!))
  }

  #head(major: number, value: number): void {
    this.#room(HEAD_BYTES_MAX)
    this.#at = writeHead(scratch, this.#at, value, major)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= scratch.length) return
    const larger = Buffer.allocUnsafe(Math.max(scratch.length * 2, this.#at + bytes))
    scratch.copy(larger, 0, 0, this.#at)
    scratch = larger
  }
}

/** The longest head: an integer of eight bytes behind the first. */
export const HEAD_BYTES_MAX = 9

/** Writes the shortest head for a value, of an unsigned integer unless another major type is given; answers its end. */
export function writeHead(target: Buffer, at: number, value: number, major: number = MAJOR.unsigned): number {
  const type = major << 5
  if (value < 24) {
    target[at] = type | value
    return at + 1
  }
  if (value < 0x100) {
    target[at] = type | 24
    target[at + 1] = value
    return at + 2
  }
  if (value < 0x10000) {
    target[at] = type | 25
    return target.writeUInt16BE(value, at + 1)
  }
  if (value < 2 ** 32) {
    target[at] = type | 26
    return target.writeUInt32BE(value, at + 1)
  }
  target[at] = type | 27
  return target.writeBigUInt64BE(BigInt(value), at + 1)
}
