import { base58 } from '@scure/base'
import { VivimError } from '../../schema/errors.ts'
import { ED25519_KEY_BYTES, isAcceptableKey } from './ed25519.ts'

const SCHEME = 'did:key:z'
/** The multicodec number of an Ed25519 public key, as its shortest varint. */
const CODEC = Uint8Array.of(0xed, 0x01)
/** 34 bytes are at most 47 base58 digits; decoding is quadratic, so length is looked at first. */
const LONGEST = SCHEME.length + 47

/** `did:key:z` + base58btc(ed 01, public key). Throws RangeError on a key this node would refuse. */
export function encodeDid(publicKey: Uint8Array): string {
  if (!isAcceptableKey(publicKey)) throw new RangeError('not an acceptable Ed25519 key')
  return SCHEME + base58.encode(Buffer.concat([CODEC, publicKey]))
}

/**
 * The 32-byte Ed25519 key of a did:key. Other multibase forms, longer varints and other spellings of the same key
 * are refused: one person has one DID.
 * @throws VivimError `InvalidParams`
 */
export function decodeDid(did: string): Uint8Array {
  const key = keyOf(did)
  if (!key)
    throw new VivimError('InvalidParams', 'That is not the did:key of an Ed25519 key.', { field: 'did' })
  return key
}

export function isDid(did: string): boolean {
  return keyOf(did) !== undefined
}

function keyOf(did: string): Uint8Array | undefined {
  if (!did.startsWith(SCHEME) || did.length > LONGEST) return undefined
  let bytes: Uint8Array
  try {
    bytes = base58.decode(did.slice(SCHEME.length))
  } catch {
    return undefined
  }
  if (bytes.length !== CODEC.length + ED25519_KEY_BYTES) return undefined
  if (bytes[0] !== CODEC[0] || bytes[1] !== CODEC[1]) return undefined
  const key = bytes.slice(CODEC.length)
  return isAcceptableKey(key) && encodeDid(key) === did ? key : undefined
}
