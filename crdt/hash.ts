import { hash } from 'node:crypto'
import { base32 } from '@scure/base'
import { type Cbor, encodeCanonical } from './cbor.ts'

export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer')
}

/** SHA-256 over the canonical CBOR of an array of parts: the form of every id and hash. */
export function hashOf(parts: readonly Cbor[]): Uint8Array {
  return sha256(encodeCanonical(parts))
}

/** The 26-character lower-case base32 id (130 bits) of an array of parts. */
export function idOf(parts: readonly Cbor[]): string {
  return base32.encode(hashOf(parts)).slice(0, 26).toLowerCase()
}
