import { type Cbor, encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'

const VERSION = 1
const NONCE_BYTES = 32

/** First frame of each side: [1, nonce]. */
export function encodeNonce(nonce: Uint8Array): Uint8Array {
  return encodeCanonical([VERSION, nonce])
}

export function decodeNonce(frame: Uint8Array | undefined): Uint8Array | undefined {
  const fields = frame && tryDecodeArray(frame)
  const [version, nonce] = fields ?? []
  if (fields?.length !== 2 || version !== VERSION) return undefined
  return nonce instanceof Uint8Array && nonce.length === NONCE_BYTES ? nonce : undefined
}

/**
 * What is said to who asked. `taken`: nothing more is said, whatever became of it. `refused`: the invite they showed is
 * not good. `agreed`: they are in contact; with the other side's proof.
 */
export type Answer =
  | { readonly type: 'taken' | 'refused' }
  | { readonly type: 'agreed'; readonly proof: readonly Cbor[] }

const TAKEN = 0
const AGREED = 1
const REFUSED = 2

export function encodeAnswer(answer: Answer): Uint8Array {
  if (answer.type === 'agreed') return encodeCanonical([AGREED, [...answer.proof]])
  return encodeCanonical([answer.type === 'taken' ? TAKEN : REFUSED])
}

export function decodeAnswer(frame: Uint8Array | undefined): Answer | undefined {
  const fields = frame && tryDecodeArray(frame)
  if (fields?.length === 1 && fields[0] === TAKEN) return { type: 'taken' }
  if (fields?.length === 1 && fields[0] === REFUSED) return { type: 'refused' }
  const [type, proof] = fields ?? []
  return fields?.length === 2 && type === AGREED && Array.isArray(proof)
    ? { type: 'agreed', proof }
    : undefined
}

/** The last frame: who asked has written down that they are in contact. */
export const STORED = encodeCanonical([VERSION])

export function isStored(frame: Uint8Array | undefined): boolean {
  return frame !== undefined && Buffer.compare(frame, STORED) === 0
}

export function newNonce(random: (bytes: number) => Uint8Array): Uint8Array {
  return random(NONCE_BYTES)
}
