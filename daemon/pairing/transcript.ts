import { createHash, createHmac, hkdfSync } from 'node:crypto'
import { encodeCanonical } from '../../crdt/cbor.ts'

/** What a new device says of itself once it is bound to it. */
export interface Enrolment {
  /** Ed25519 public key, 32 bytes. */
  readonly deviceKey: Uint8Array
  /** X-Wing public key. */
  readonly receiveKey: Uint8Array
  readonly deviceName: string
  /** 32 random bytes. */
  readonly nonce: Uint8Array
}

/** What the device that made the code says of itself. */
export interface Offer {
  /** Of the person. */
  readonly did: string
  readonly displayName: string | null
  readonly deviceDid: string
  /** 32 random bytes, chosen after the other side has committed itself. */
  readonly nonce: Uint8Array
}

/** The peer that joins and the one that made the code. */
export interface Peers {
  readonly joiner: string
  readonly owner: string
}

const HANDLE_BYTES = 16
const KEY_BYTES = 32

/** Names a pairing on the wire: who does not have the code can neither make it nor read the code out of it. */
export function handleOf(secret: Uint8Array): Uint8Array {
  return new Uint8Array(createHmac('sha256', secret).update('handle').digest().subarray(0, HANDLE_BYTES))
}

/** Keys of one stream, one for each direction; `salts` are fresh random bytes of both sides. */
export function streamKeys(
  secret: Uint8Array,
  salts: Uint8Array,
  { joiner, owner }: Peers,
): { readonly toOwner: Uint8Array; readonly toJoiner: Uint8Array } {
  const key = (direction: string) => {
    const info = encodeCanonical(['vivimd/pair-stream/1', joiner, owner, direction])
    return new Uint8Array(hkdfSync('sha256', secret, salts, info, KEY_BYTES))
  }
  return { toOwner: key('to owner'), toJoiner: key('to joiner') }
}

/** Binds the joiner to its keys before it knows the owner's nonce; 32 bytes. */
export function commitmentOf({ deviceKey, receiveKey, deviceName, nonce }: Enrolment): Uint8Array {
  const said = encodeCanonical(['vivimd/pair-commitment/1', deviceKey, receiveKey, deviceName, nonce])
  return new Uint8Array(createHash('sha256').update(said).digest())
}

/**
 * Six digits that are the same on both sides only when both talk to each other. Neither side can steer them: the
 * joiner was bound before it saw the owner's nonce, and the owner chose its nonce before it saw the joiner's keys.
 */
export function checkOf(offer: Offer, enrolment: Enrolment, { joiner, owner }: Peers): string {
  const said = encodeCanonical([
    'vivimd/pair-check/1',
    offer.did,
    offer.deviceDid,
    offer.nonce,
    enrolment.deviceKey,
    enrolment.receiveKey,
    enrolment.deviceName,
    enrolment.nonce,
    joiner,
    owner,
  ])
  const number = createHash('sha256').update(said).digest().readBigUInt64BE() % 1_000_000n
  return String(number).padStart(6, '0')
}
