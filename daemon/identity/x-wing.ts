import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate as decapsulateKem,
  diffieHellman,
  encapsulate as encapsulateKem,
  hkdfSync,
  type KeyObject,
} from 'node:crypto'
import { VivimError } from '../../schema/errors.ts'

type Random = (bytes: number) => Uint8Array

const SEED_BYTES = 32
const SECRET_BYTES = 32
const KEM = { publicKey: 1184, ciphertext: 1088, seed: 64 }
const CURVE_BYTES = 32
export const X_WING_PUBLIC_KEY_BYTES = KEM.publicKey + CURVE_BYTES
export const X_WING_CIPHERTEXT_BYTES = KEM.ciphertext + CURVE_BYTES
const TAG_BYTES = 16

/** DER up to the raw value: ML-KEM-768 as RFC 9935 writes it (a seed, context tag 0), X25519 as RFC 8410 does. */
const DER = {
  kemPrivate: Buffer.from('3054020100300b060960864801650304040204428040', 'hex'),
  kemPublic: Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex'),
  curvePrivate: Buffer.from('302e020100300506032b656e04220420', 'hex'),
  curvePublic: Buffer.from('302a300506032b656e032100', 'hex'),
}

/** `\.//^\`, which ends what the combiner hashes. */
const LABEL = Buffer.from('5c2e2f2f5e5c', 'hex')

/** The two private keys of a seed, and the public key both make. */
interface Expanded {
  readonly kem: KeyObject
  readonly curve: KeyObject
  readonly publicKey: Uint8Array
}

/**
 * X-Wing (draft-connolly-cfrg-xwing-kem): ML-KEM-768 and X25519 together, safe as long as one of them is.
 * The 1,216-byte public key of a 32-byte seed.
 */
export function xWingPublicKey(seed: Uint8Array): Uint8Array {
  return expand(seed).publicKey
}

/**
 * A fresh secret for the holder of that key: `ciphertext` has 1,120 bytes, `secret` 32. The ML-KEM half takes its
 * randomness from the operating system: `node:crypto` has no way to give it any.
 * @throws VivimError `InvalidParams` for bytes that are no public key
 */
export function encapsulate(
  publicKey: Uint8Array,
  random: Random,
): { readonly ciphertext: Uint8Array; readonly secret: Uint8Array } {
  if (publicKey.length !== X_WING_PUBLIC_KEY_BYTES) throw noKey()
  const theirs = publicKey.subarray(KEM.publicKey)
  try {
    const kem = publicKeyOf(DER.kemPublic, publicKey.subarray(0, KEM.publicKey))
    const { sharedKey, ciphertext } = encapsulateKem(kem)
    const once = privateKeyOf(DER.curvePrivate, random(CURVE_BYTES))
    const agreed = diffieHellman({ privateKey: once, publicKey: publicKeyOf(DER.curvePublic, theirs) })
    const sent = rawPublicKey(once, DER.curvePublic)
    return {
      ciphertext: owned(Buffer.concat([ciphertext, sent])),
      secret: combine(sharedKey, agreed, sent, theirs),
    }
  } catch (cause) {
    throw noKey(cause)
  }
}

/**
 * The secret inside. A ciphertext made for another key gives an unrelated secret, as ML-KEM means it to.
 * @throws VivimError `InvalidParams` for bytes no `encapsulate` makes
 */
export function decapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length !== X_WING_CIPHERTEXT_BYTES)
    throw new VivimError('InvalidParams', 'That is not an X-Wing ciphertext.')
  const { kem, curve, publicKey } = expand(seed)
  const sent = ciphertext.subarray(KEM.ciphertext)
  try {
    const shared = decapsulateKem(kem, ciphertext.subarray(0, KEM.ciphertext))
    const agreed = diffieHellman({ privateKey: curve, publicKey: publicKeyOf(DER.curvePublic, sent) })
    return combine(shared, agreed, sent, publicKey.subarray(KEM.publicKey))
  } catch (cause) {
    throw new VivimError('InvalidParams', 'That is not an X-Wing ciphertext.', { cause })
  }
}

/**
 * Something for one device only: ciphertext, tag 16, AES-256-GCM under a key from the secret and the purpose. Each
 * secret is used once, so the nonce is zero. @throws as `encapsulate`
 */
export function wrapFor(
  publicKey: Uint8Array,
  purpose: string,
  plain: Uint8Array,
  random: Random,
): Uint8Array {
  const { ciphertext, secret } = encapsulate(publicKey, random)
  const cipher = createCipheriv('aes-256-gcm', wrapKey(secret, purpose), Buffer.alloc(12))
  cipher.setAAD(Buffer.from(purpose))
  const body = [cipher.update(plain), cipher.final()]
  return owned(Buffer.concat([ciphertext, cipher.getAuthTag(), ...body]))
}

/** What was wrapped, or undefined when it was for another key or purpose, or was changed. */
export function unwrap(seed: Uint8Array, purpose: string, wrapped: Uint8Array): Uint8Array | undefined {
  const head = X_WING_CIPHERTEXT_BYTES + TAG_BYTES
  if (wrapped.length < head) return undefined
  try {
    const secret = decapsulate(seed, wrapped.subarray(0, X_WING_CIPHERTEXT_BYTES))
    const key = wrapKey(secret, purpose)
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.alloc(12), { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(purpose))
    decipher.setAuthTag(wrapped.subarray(X_WING_CIPHERTEXT_BYTES, head))
    return owned(Buffer.concat([decipher.update(wrapped.subarray(head)), decipher.final()]))
  } catch {
    return undefined
  }
}

function expand(seed: Uint8Array): Expanded {
  if (seed.length !== SEED_BYTES) throw new RangeError('an X-Wing seed has 32 bytes')
  const bytes = createHash('shake256', { outputLength: KEM.seed + CURVE_BYTES })
    .update(seed)
    .digest()
  const kem = privateKeyOf(DER.kemPrivate, bytes.subarray(0, KEM.seed))
  const curve = privateKeyOf(DER.curvePrivate, bytes.subarray(KEM.seed))
  const halves = [rawPublicKey(kem, DER.kemPublic), rawPublicKey(curve, DER.curvePublic)]
  return { kem, curve, publicKey: owned(Buffer.concat(halves)) }
}

function combine(
  kemSecret: Uint8Array,
  curveSecret: Uint8Array,
  sent: Uint8Array,
  received: Uint8Array,
): Uint8Array {
  const hash = createHash('sha3-256')
  for (const part of [kemSecret, curveSecret, sent, received, LABEL]) hash.update(part)
  return owned(hash.digest())
}

function wrapKey(secret: Uint8Array, purpose: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `vivimd/wrap/1/${purpose}`, SECRET_BYTES))
}

function privateKeyOf(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'pkcs8' })
}

function publicKeyOf(prefix: Uint8Array, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'spki' })
}

function rawPublicKey(privateKey: KeyObject, prefix: Uint8Array): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(prefix.length)
}

function noKey(cause?: unknown): VivimError {
  return new VivimError('InvalidParams', 'That is not an X-Wing public key.', { cause })
}

/** With a buffer of its own: a pooled one would carry its neighbours to another thread. */
function owned(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes)
}
