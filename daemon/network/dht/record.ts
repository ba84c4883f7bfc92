import { createHash, type KeyObject } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../../crdt/cbor.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { isAcceptableKey, publicKeyBytes, sign, verify } from '../../identity/ed25519.ts'

const CONTEXT = 'vivim/dht/1'

export interface DhtRecord {
  /** Of two the higher one is newer. */
  readonly sequence: number
  readonly payload: Uint8Array
}

/** Where a record is: nobody else can write there, for the place is the hash of the key that signs. `/vivim/<64 hex>`. */
export function placeOf(publicKey: Uint8Array): string {
  return `/vivim/${createHash('sha256').update(CONTEXT).update(publicKey).digest('hex')}`
}

/** Canonical CBOR [public key, sequence, payload, signature of the other three]. */
export function signRecord(privateKey: KeyObject, { sequence, payload }: DhtRecord): Uint8Array {
  const publicKey = publicKeyBytes(privateKey)
  const signature = sign(privateKey, encodeCanonical([CONTEXT, publicKey, sequence, payload]))
  return encodeCanonical([publicKey, sequence, payload, signature])
}

/** What stands at that place; undefined for what does not belong there. */
export function readRecord(place: string, value: Uint8Array): DhtRecord | undefined {
  if (value.length > LIMITS.dhtRecordBytes) return undefined
  const [publicKey, sequence, payload, signature, ...more] = tryDecodeArray(value) ?? []
  if (!(publicKey instanceof Uint8Array && payload instanceof Uint8Array && signature instanceof Uint8Array))
    return undefined
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || more.length > 0) return undefined
  if (!isAcceptableKey(publicKey) || placeOf(publicKey) !== place) return undefined
  const signed = encodeCanonical([CONTEXT, publicKey, sequence, payload])
  return verify(publicKey, signed, signature) ? { sequence, payload } : undefined
}
