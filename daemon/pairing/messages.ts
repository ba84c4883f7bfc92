import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { LIMITS } from '../../schema/limits.ts'
import { isDid } from '../identity/did.ts'
import { isKey } from '../identity/user-keys.ts'
import { X_WING_PUBLIC_KEY_BYTES } from '../identity/x-wing.ts'
import type { Enrolment, Offer } from './transcript.ts'

/** Why a pairing ended before it was done. */
const ENDINGS = ['cancelled', 'used', 'expired', 'failed'] as const
export type Ending = (typeof ENDINGS)[number]

/** What the two sides say to each other, under seal. */
export type PairMessage =
  | { readonly type: 'commit'; readonly commitment: Uint8Array }
  | { readonly type: 'offer'; readonly offer: Offer }
  | { readonly type: 'reveal'; readonly enrolment: Enrolment }
  /** `seen`: knows that the other side has confirmed. */
  | { readonly type: 'state'; readonly confirmed: boolean; readonly seen: boolean }
  /** Wrapped for the new device: see `grant.ts`. */
  | { readonly type: 'grant'; readonly wrapped: Uint8Array }
  /** The new device exists; its member document. */
  | { readonly type: 'done'; readonly document: Uint8Array }
  | { readonly type: 'finished' }
  | { readonly type: 'ended'; readonly reason: Ending }

/** Canonical CBOR [type, fields]. */
export function encodeMessage(message: PairMessage): Uint8Array {
  return encodeCanonical([message.type, ...fieldsOf(message)])
}

/** Undefined for bytes that `encodeMessage` did not make. */
export function decodeMessage(bytes: Uint8Array): PairMessage | undefined {
  let value: Cbor
  try {
    value = decodeCanonical(bytes)
  } catch {
    return undefined
  }
  if (!Array.isArray(value)) return undefined
  const [type, ...fields] = value as readonly Cbor[]
  return typeof type === 'string' ? read(type, fields) : undefined
}

function fieldsOf(message: PairMessage): Cbor[] {
  switch (message.type) {
    case 'commit':
      return [message.commitment]
    case 'offer': {
      const { did, displayName, deviceDid, nonce } = message.offer
      return [did, displayName, deviceDid, nonce]
    }
    case 'reveal': {
      const { deviceKey, receiveKey, deviceName, nonce } = message.enrolment
      return [deviceKey, receiveKey, deviceName, nonce]
    }
    case 'state':
      return [message.confirmed, message.seen]
    case 'grant':
      return [message.wrapped]
    case 'done':
      return [message.document]
    case 'finished':
      return []
    case 'ended':
      return [message.reason]
  }
}

function read(type: string, fields: readonly Cbor[]): PairMessage | undefined {
  const [a, b, c, d] = fields
  switch (`${type} ${fields.length}`) {
    case 'commit 1':
      return isKey(a) ? { type: 'commit', commitment: a } : undefined
    case 'offer 4':
      if (!isDidText(a) || !(b === null || isName(b)) || !isDidText(c) || !isKey(d)) return undefined
      return { type: 'offer', offer: { did: a, displayName: b, deviceDid: c, nonce: d } }
    case 'reveal 4':
      if (!isKey(a) || !isReceiveKey(b) || !isName(c) || !isKey(d)) return undefined
      return { type: 'reveal', enrolment: { deviceKey: a, receiveKey: b, deviceName: c, nonce: d } }
    case 'state 2':
      if (typeof a !== 'boolean' || typeof b !== 'boolean') return undefined
      return { type: 'state', confirmed: a, seen: b }
    case 'grant 1':
      return a instanceof Uint8Array ? { type: 'grant', wrapped: a } : undefined
    case 'done 1':
      return a instanceof Uint8Array ? { type: 'done', document: a } : undefined
    case 'finished 0':
      return { type: 'finished' }
    case 'ended 1':
      return isEnding(a) ? { type: 'ended', reason: a } : undefined
    default:
      return undefined
  }
}

function isDidText(value: Cbor | undefined): value is string {
  return typeof value === 'string' && isDid(value)
}

function isName(value: Cbor | undefined): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= LIMITS.nameCharacters
}

function isReceiveKey(value: Cbor | undefined): value is Uint8Array {
  return value instanceof Uint8Array && value.length === X_WING_PUBLIC_KEY_BYTES
}

function isEnding(value: Cbor | undefined): value is Ending {
  return ENDINGS.includes(value as Ending)
}
