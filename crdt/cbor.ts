import { decode, encode, rfc8949EncodeOptions } from 'cborg'
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
  return encode(value, rfc8949EncodeOptions)
}

/** Decodes, and refuses any bytes that are not the canonical form of what they say. Throws on malformed input. */
export function decodeCanonical(bytes: Uint8Array): Cbor {
  const value = decode(bytes, {
    useMaps: true,
    strict: true,
    allowUndefined: false,
    allowIndefinite: false,
    rejectDuplicateMapKeys: true,
  }) as Cbor
  const again = encodeCanonical(value)
  if (Buffer.compare(again, bytes) !== 0) throw new Error('not canonical CBOR')
  return value
}

/** The canonical encoding of a non-negative integer below 2^53, without the general encoder's cost. */
export function encodeUnsigned(value: number): Uint8Array {
  if (value < 24) return Uint8Array.of(value)
  if (value < 0x100) return Uint8Array.of(24, value)
  const bytes = new Uint8Array(value < 0x10000 ? 3 : value < 2 ** 32 ? 5 : 9)
  const view = new DataView(bytes.buffer)
  bytes[0] = 24 + Math.log2(bytes.length - 1)
  if (bytes.length === 3) view.setUint16(1, value)
  else if (bytes.length === 5) view.setUint32(1, value)
  else view.setBigUint64(1, BigInt(value))
  return bytes
}
