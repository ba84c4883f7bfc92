import { createHash } from 'node:crypto'
import { encodeCanonical } from '../../crdt/cbor.ts'
import { decodeDid } from '../identity/did.ts'

const DIGITS = 40
const GROUP = 5

/**
 * Forty digits that two people compare: the first 24 bytes of SHA-256 over canonical CBOR ["vivim/safety/1", root key,
 * root key], the lower key first, as a big-endian number modulo 10^40. The same on both sides, and another one as
 * soon as one of the two DIDs is another. 132 bits: who stands in between would need keys that collide on both sides.
 */
export function safetyString(did: string, otherDid: string): string {
  const keys = [decodeDid(did), decodeDid(otherDid)].sort(Buffer.compare)
  const digest = createHash('sha256')
    .update(encodeCanonical(['vivim/safety/1', ...keys]))
    .digest()
  const number = BigInt(`0x${digest.subarray(0, 24).toString('hex')}`) % 10n ** BigInt(DIGITS)
  const digits = number.toString().padStart(DIGITS, '0')
  return digits.match(new RegExp(`\\d{${GROUP}}`, 'g'))!.join(' ')
}
