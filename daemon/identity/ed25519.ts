import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto'

export const ED25519_KEY_BYTES = 32
const SIGNATURE_BYTES = 64

/** DER prefixes of RFC 8410: a raw 32-byte seed or public key follows. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

const FIELD = 2n ** 255n - 19n
const ORDER_8_Y = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n
/** The y coordinates of the eight points whose order divides 8; a mirrored pair shares one. */
const LOW_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, FIELD - 1n, ORDER_8_Y, FIELD - ORDER_8_Y])

/** The private key whose RFC 8032 seed is these 32 bytes. */
export function privateKeyOfSeed(seed: Uint8Array): KeyObject {
  if (seed.length !== ED25519_KEY_BYTES) throw new RangeError('an Ed25519 seed has 32 bytes')
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

/** The 32 raw bytes of the public half of a private or public key. */
export function publicKeyBytes(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length))
}

export function sign(privateKey: KeyObject, message: Uint8Array): Uint8Array {
  return nodeSign(null, message, privateKey)
}

/**
 * True for 32 bytes that are the canonical encoding of a point outside the small subgroup. With a low-order key
 * anyone can make signatures that pass; a second encoding of a key would be a second name of one person.
 */
export function isAcceptableKey(publicKey: Uint8Array): boolean {
  return publicKey.length === ED25519_KEY_BYTES && isAcceptablePoint(publicKey)
}

function isAcceptablePoint(encoding: Uint8Array): boolean {
  const bigEndian = Buffer.from(encoding).reverse()
  bigEndian[0]! &= 0x7f
  const y = BigInt(`0x${bigEndian.toString('hex')}`)
  return y < FIELD && !LOW_ORDER_Y.has(y)
}

/**
 * The one verification rule, known as strict: key and R are acceptable points (see above), S < L, and the cofactorless
 * equation holds. OpenSSL 3.0 lets low-order points pass and 3.5 does not: they are refused here first, so that what
 * is a signature never depends on the runtime. Never throws: whatever is malformed is false.
 */
export function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  if (!isAcceptablePoint(signature.subarray(0, ED25519_KEY_BYTES))) return false
  try {
    const key = readKey(publicKey)
    return key !== undefined && nodeVerify(null, message, key, signature)
  } catch {
    return false
  }
}

/** Keys read last: a device signs many segments, and to read its key again takes a third as long as to check one (measured). */
const keysRead = new Map<string, KeyObject>()
const KEYS_KEPT = 256

function readKey(publicKey: Uint8Array): KeyObject | undefined {
  const name = Buffer.from(publicKey).toString('latin1')
  const known = keysRead.get(name)
  if (known) return known
  if (!isAcceptableKey(publicKey)) return undefined
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
  const [oldest] = keysRead.keys()
  if (keysRead.size >= KEYS_KEPT && oldest !== undefined) keysRead.delete(oldest)
  keysRead.set(name, key)
  return key
}
