import type { KeyObject } from 'node:crypto'

/** The raw 32-byte public key of an Ed25519 private key. */
export function publicKeyOf(key: KeyObject): Uint8Array {
  const { x } = key.export({ format: 'jwk' })
  return new Uint8Array(Buffer.from(x ?? '', 'base64url'))
}
