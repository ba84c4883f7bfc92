import { createCipheriv, createDecipheriv } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { type ConnectionRecord, issueConnectionRecord } from '../identity/connection-record.ts'
import { documentBehind } from '../identity/document-behind.ts'
import type { Random } from '../identity/key-wrapping.ts'
import { publicKeyOfPeer } from '../identity/node-key.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import { unwrap, wrapFor } from '../identity/x-wing.ts'
import type { Reach } from '../vault/contact-rows.ts'
import { isSecretOrNone, isShownName, issueConsent, readConsent } from './contact-proof.ts'
import { areAddresses } from './reach.ts'

const PURPOSE = 'vivimd/peer-connection/1'
const KEY_BYTES = 32
const TAG_BYTES = 16
const LENGTH_BYTES = 2
const KINDS = ['request', 'accept', 'ended'] as const

/**
 * `request`: I want the contact; `accept`: I do, and hold your consent to it; `ended`: I do not want it any more.
 */
export type LetterKind = (typeof KINDS)[number]

/** What one person says to another one by way of a master. */
export interface Letter {
  readonly kind: LetterKind
  /** As `issueConsent` makes it; null when it is over. */
  readonly consent: Uint8Array | null
  readonly displayName: string | null
  /** Where a node of theirs is; null when it says nothing. */
  readonly reach: Reach | null
  /** Of an invite of the recipient. */
  readonly secret: Uint8Array | null
}

export interface LetterTo {
  readonly to: string
  /** X-Wing keys of the recipient's devices, at most `LIMITS.connectionDevices`. */
  readonly receiveKeys: readonly Uint8Array[]
  /** Milliseconds UTC. */
  readonly sequence: number
  readonly letter: Omit<Letter, 'consent'>
}

/**
 * Signs a letter and seals it for the recipient's devices. All letters have one size for each number of devices.
 * @throws VivimError `InvalidParams` for a key that is none, `TooLarge` for a body that does not fit
 */
export function writeLetter(
  keys: UserKeys,
  { to, receiveKeys, sequence, letter }: LetterTo,
  random: Random,
): Uint8Array {
  const { kind, displayName, reach, secret } = letter
  const documentBytes = documentBehind(keys)
  const consent = kind === 'ended' ? undefined : tryDecodeArray(issueConsent(keys, to, sequence))
  const body = encodeCanonical([
    KINDS.indexOf(kind),
    consent?.[1] ?? null,
    consent?.[2] ?? null,
    displayName,
    reach?.peerId ?? null,
    [...(reach?.addresses ?? [])],
    secret,
  ])
  const from = keys.did
  const key = random(KEY_BYTES)
  const sealed = seal(key, padded(body), about(from, to, sequence))
  const wraps = receiveKeys.map((receiveKey) => wrapFor(receiveKey, PURPOSE, key, random))
  for (;;) {
    const record = { from, to, sequence, sealed, wraps }
    const bytes = issueConnectionRecord(keys.deviceKey, documentBytes, record)
    // A long chain of certificates leaves less room: the recipient's devices tell each other.
    if (bytes.length <= LIMITS.registryRecordBytes || wraps.length < 2) return bytes
    wraps.pop()
  }
}

/** What it says; undefined when it is not for this device, or says nothing that is understood. */
export function openLetter(receiveSeed: Uint8Array, record: ConnectionRecord): Letter | undefined {
  const { from, to, sequence, sealed, wraps } = record
  for (const wrap of wraps) {
    const key = unwrap(receiveSeed, PURPOSE, wrap)
    const body = key?.length === KEY_BYTES ? unseal(key, sealed, about(from, to, sequence)) : undefined
    if (body) return readBody(body, record)
  }
  return undefined
}

function readBody(body: Uint8Array, record: ConnectionRecord): Letter | undefined {
  const fields = tryDecodeArray(body)
  if (fields?.length !== 7) return undefined
  const [number, statement, signature, displayName, peerId, addresses, secret] = fields
  const kind = typeof number === 'number' ? KINDS[number] : undefined
  if (!kind || !isShownName(displayName) || !isSecretOrNone(secret)) return undefined
  if (!areAddresses(addresses) || addresses.length > LIMITS.contactAddresses) return undefined
  if (peerId !== null && !(typeof peerId === 'string' && publicKeyOfPeer(peerId))) return undefined
  const reach = peerId === null ? null : { peerId, addresses }
  const said = { kind, displayName, reach, secret }
  if (kind === 'ended')
    return statement === null && signature === null ? { ...said, consent: null } : undefined
  if (!(statement instanceof Uint8Array && signature instanceof Uint8Array)) return undefined
  const consent = encodeCanonical([record.documentBytes, statement, signature])
  const who = readConsent(consent)
  const isWhole = who?.from === record.from && who.to === record.to && who.at === record.sequence
  return isWhole ? { ...said, consent } : undefined
}

/** Nobody but the sender can have sealed it for this recipient under another sender's name. */
function about(from: string, to: string, sequence: number): Uint8Array {
  return encodeCanonical([PURPOSE, from, to, sequence])
}

/** Each key is used once, so the nonce is zero. */
function seal(key: Uint8Array, plain: Uint8Array, additional: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', key, Buffer.alloc(12))
  cipher.setAAD(additional)
  const parts = [cipher.update(plain), cipher.final()]
  return new Uint8Array(Buffer.concat([cipher.getAuthTag(), ...parts]))
}

function unseal(key: Uint8Array, sealed: Uint8Array, additional: Uint8Array): Uint8Array | undefined {
  if (sealed.length !== TAG_BYTES + LIMITS.connectionBodyBytes) return undefined
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12), { authTagLength: TAG_BYTES })
    decipher.setAAD(additional)
    decipher.setAuthTag(sealed.subarray(0, TAG_BYTES))
    const plain = Buffer.concat([decipher.update(sealed.subarray(TAG_BYTES)), decipher.final()])
    return new Uint8Array(plain.subarray(LENGTH_BYTES, LENGTH_BYTES + plain.readUInt16BE()))
  } catch {
    return undefined
  }
}

function padded(body: Uint8Array): Uint8Array {
  if (LENGTH_BYTES + body.length > LIMITS.connectionBodyBytes)
    throw new VivimError('TooLarge', 'That is too much for a letter.')
  const plain = Buffer.alloc(LIMITS.connectionBodyBytes)
  plain.writeUInt16BE(body.length)
  plain.set(body, LENGTH_BYTES)
  return plain
}
