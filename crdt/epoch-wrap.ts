import { encodeCanonical, tryDecodeArray } from './cbor.ts'
import type { VerifyRoot } from './membership-entry.ts'
import { bytesOf, integerOf } from './sync-fields.ts'

const DOMAIN = 'vivim/epoch-wrap/1'
/** An X-Wing ciphertext, a tag and a key; with room for a successor. */
const WRAPPED_BYTES_MAX = 4_096

/** A space's epoch key for one device. */
export interface EpochWrap {
  /** 32 bytes. */
  readonly space: Uint8Array
  /** Milliseconds UTC of when it was made, or one more than the epoch before: two made at once stay apart. */
  readonly epoch: number
  /** Ed25519 public key of the device that can open it. */
  readonly device: Uint8Array
  readonly wrapped: Uint8Array
}

/** Canonical CBOR [statement, signature of the root key]. */
export function signEpochWrap(
  { space, epoch, device, wrapped }: EpochWrap,
  sign: (message: Uint8Array) => Uint8Array,
): Uint8Array {
  const statement = encodeCanonical([DOMAIN, space, epoch, device, wrapped])
  return encodeCanonical([statement, sign(statement)])
}

/** The wrap, or undefined for bytes that are none or that the root key did not sign. */
export function readEpochWrap(bytes: Uint8Array, verify: VerifyRoot): EpochWrap | undefined {
  const outer = tryDecodeArray(bytes)
  if (outer?.length !== 2) return undefined
  const [statement, signature] = outer
  if (!(statement instanceof Uint8Array && signature instanceof Uint8Array)) return undefined
  const fields = tryDecodeArray(statement)
  if (fields?.length !== 5 || fields[0] !== DOMAIN || !verify(statement, signature)) return undefined
  try {
    const [, space, epoch, device, wrapped] = fields
    return {
      space: bytesOf(space, 32),
      epoch: integerOf(epoch, 1),
      device: bytesOf(device, 32),
      wrapped: bytesOf(wrapped, 1, WRAPPED_BYTES_MAX),
    }
  } catch {
    return undefined
  }
}
