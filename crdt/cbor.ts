import { decode, encode, rfc8949EncodeOptions } from 'cborg'
/** Canonical CBOR values: what ids, hashes and operations are made of. No floats that are integers, no tags. */
export type Cbor = null | boolean | number | bigint | string | Uint8Array | readonly Cbor[] | ReadonlyMap<Cbor, Cbor>

/** Deterministic CBOR (RFC 8949 section 4.2): one value, one byte string. */
export function encodeCanonical(value: Cbor): Uint8Array {
  return encode(value, rfc8949EncodeOptions)
}

/** Decodes, and refuses any bytes that are not the canonical form of what they say. Throws on malformed input. */
export function decodeCanonical(bytes: Uint8Array): Cbor {
  const value = decode(bytes, { useMaps: true, strict: true, allowUndefined: false, allowIndefinite: false, rejectDuplicateMapKeys: true }) as Cbor
  const again = encodeCanonical(value)
  if (Buffer.compare(again, bytes) !== 0) throw new Error('not canonical CBOR')
  return value
}
