import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { base32 } from '@scure/base'
import { LIMITS } from '../schema/limits.ts'
import { decodeCanonical, encodeCanonical } from './cbor.ts'
import { sha256 } from './hash.ts'
import { secretKey } from './secret-key.ts'

/** A secret that the members of a space share until one of them leaves. */
export interface EpochKey {
  readonly epoch: number
  /** 32 bytes. */
  readonly key: Uint8Array
}

const VERSION = 1
const TAG = 16
const SMALLEST = 256
/** From here on a power of two would add too much. */
const STEP = 8 * 1024
/** Version, epoch, salt and the heads of the fields, at most. */
const AROUND = 64

/** A key for one purpose: HKDF-SHA-256 of the epoch key, without salt. */
export function purposeKey({ key }: EpochKey, purpose: string, length = 32): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secretKey(key), '', `vivim/${purpose}/1`, length))
}

/** The name under which a space's members talk: tells nobody else whose space it is, and changes with each epoch. */
export function topicOf(epochKey: EpochKey, space: Uint8Array): string {
  const mac = createHmac('sha256', secretKey(purposeKey(epochKey, 'topic')))
    .update(encodeCanonical([space, epochKey.epoch]))
    .digest()
  return `/vivim/1/${base32.encode(mac).slice(0, 26).toLowerCase()}`
}

/**
 * Seals bytes for the members of an epoch, AES-256-GCM. Key and nonce follow from a salt that is a MAC of the bytes, so
 * equal bytes give equal ciphertext and different bytes never share a key. Padded to 256 bytes,
 * to a power of two up to 16 KiB, to multiples of 8 KiB beyond. Canonical CBOR [1, epoch, salt, ciphertext ‖ tag].
 */
export function sealMessage(epochKey: EpochKey, topic: string, bytes: Uint8Array): Uint8Array {
  const salt = createHmac('sha256', saltKey(epochKey)).update(bytes).digest()
  const padded = pad(encodeCanonical(bytes))
  const { key, nonce } = keysOf(epochKey, salt)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad(topic, epochKey.epoch, padded.length))
  const sealed = Buffer.concat([cipher.update(padded), cipher.final(), cipher.getAuthTag()])
  return encodeCanonical([VERSION, epochKey.epoch, salt, sealed])
}

/** The bytes, or undefined when none of these keys opens the message. */
export function openMessage(
  epochKeys: readonly EpochKey[],
  topic: string,
  message: Uint8Array,
): Uint8Array | undefined {
  try {
    const parts = decodeCanonical(message)
    if (!Array.isArray(parts) || parts.length !== 4 || parts[0] !== VERSION) return undefined
    const [, epoch, salt, sealed] = parts
    const epochKey = epochKeys.find((candidate) => candidate.epoch === epoch)
    if (!epochKey || !(salt instanceof Uint8Array) || !(sealed instanceof Uint8Array)) return undefined
    const { key, nonce } = keysOf(epochKey, salt)
    const length = sealed.length - TAG
    const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(aad(topic, epochKey.epoch, length))
    decipher.setAuthTag(sealed.subarray(length))
    return unpad(Buffer.concat([decipher.update(sealed.subarray(0, length)), decipher.final()]))
  } catch {
    return undefined
  }
}

const saltKeys = new WeakMap<Uint8Array, KeyObject>()

/** Derived once for an epoch: every message needs it. */
function saltKey(epochKey: EpochKey): KeyObject {
  let key = saltKeys.get(epochKey.key)
  if (!key) {
    key = createSecretKey(purposeKey(epochKey, 'seal-salt'))
    saltKeys.set(epochKey.key, key)
  }
  return key
}

function keysOf(epochKey: EpochKey, salt: Uint8Array): { key: KeyObject; nonce: Uint8Array } {
  const bytes = new Uint8Array(hkdfSync('sha256', secretKey(epochKey.key), salt, 'vivim/seal/1', 44))
  return { key: createSecretKey(bytes.subarray(0, 32)), nonce: bytes.subarray(32) }
}

function aad(topic: string, epoch: number, length: number): Uint8Array {
  return sha256(encodeCanonical([topic, epoch, length]))
}

/** How long so many bytes become by sealing, without what stands around the ciphertext. */
export function sealedLength(bytes: number): number {
  // The CBOR head of a byte string.
  const framed = bytes + (bytes < 24 ? 1 : bytes < 256 ? 2 : bytes < 65_536 ? 3 : 5)
  return paddedLength(framed)
}

function paddedLength(bytes: number): number {
  if (bytes > 2 * STEP) {
    const stepped = Math.ceil(bytes / STEP) * STEP
    return Math.min(stepped, Math.max(bytes, LIMITS.sealedBytes - AROUND - TAG))
  }
  let length = SMALLEST
  while (length < bytes) length *= 2
  return length
}

function pad(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array(paddedLength(bytes.length))
  padded.set(bytes)
  return padded
}

/** The CBOR byte string at the beginning; what follows is padding. */
function unpad(padded: Uint8Array): Uint8Array {
  const view = new DataView(padded.buffer, padded.byteOffset, padded.byteLength)
  const info = view.getUint8(0) & 31
  const sizes: Record<number, [start: number, length: () => number]> = {
    24: [2, () => view.getUint8(1)],
    25: [3, () => view.getUint16(1)],
    26: [5, () => view.getUint32(1)],
  }
  const [start, length] = info < 24 ? [1, () => info] : (sizes[info] ?? [0, () => 0])
  return new Uint8Array(padded.subarray(start, start + length()))
}
