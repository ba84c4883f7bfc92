import { sha256 } from './hash.ts'

/** The 64-bit tag of a device in its stamps: the first 8 bytes of SHA-256 of its public key. */
export function deviceTag(publicKey: Uint8Array): Uint8Array {
  return sha256(publicKey).subarray(0, 8)
}
