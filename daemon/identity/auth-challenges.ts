import { encodeCanonical } from '../../crdt/cbor.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { decodeDid } from './did.ts'
import { verify } from './ed25519.ts'
import type { Random } from './key-wrapping.ts'

/** What a caller signs to prove that they are a DID. */
export interface Challenge {
  /** 32 random bytes, base64url. */
  readonly nonce: string
  /** DID of the node that asks: a signature for one node is worth nothing at another. */
  readonly audience: string
  /** Milliseconds UTC. */
  readonly expiresAt: number
  /** The bytes to sign: canonical CBOR ['vivimd/auth/1', nonce, audience, did, client or null, expiry]. */
  readonly message: Uint8Array
}

/** The answer to a challenge. */
export interface ChallengeAnswer {
  readonly did: string
  readonly nonce: string
  /** Ed25519 over the challenge's message. */
  readonly signature: Uint8Array
  /** Who signed: a device of the DID, or the DID's own key when absent. */
  readonly deviceDid?: string | undefined
}

const NONCE_BYTES = 32
const PURPOSE = 'vivimd/auth/1'

interface Pending extends Challenge {
  readonly did: string
}

/**
 * Challenges of this node that wait for their answer. Each is good for one try: it is taken out before anything of the
 * answer is looked at, so of fifty parallel answers one is judged and the others find nothing.
 */
export class AuthChallenges {
  readonly #audience: string
  readonly #now: () => number
  readonly #random: Random
  readonly #pending = new Map<string, Pending>()

  constructor({ audience, now, random }: { audience: string; now: () => number; random: Random }) {
    this.#audience = audience
    this.#now = now
    this.#random = random
  }

  /** Answers alike for DIDs this node serves and for those it has never heard of. */
  issue(did: string, client?: string): Challenge {
    const nonceBytes = this.#random(NONCE_BYTES)
    const expiresAt = this.#now() + LIMITS.challengeMs
    const message = encodeCanonical([PURPOSE, nonceBytes, this.#audience, did, client ?? null, expiresAt])
    const nonce = Buffer.from(nonceBytes).toString('base64url')
    const challenge = { nonce, audience: this.#audience, expiresAt, message }
    this.#pending.set(nonce, { ...challenge, did })
    // The oldest goes: whoever asks for challenges without end only loses their own.
    if (this.#pending.size > LIMITS.challenges) this.#pending.delete(this.#pending.keys().next().value!)
    return challenge
  }

  /**
   * Takes the challenge and checks the signature. Whether the signer may speak for the DID is for the caller to say.
   * @throws VivimError `Unauthorized`, the same for every reason
   */
  take({ did, nonce, signature, deviceDid }: ChallengeAnswer): void {
    const pending = this.#pending.get(nonce)
    this.#pending.delete(nonce)
    if (!pending || pending.did !== did || this.#now() >= pending.expiresAt) throw refused()
    if (!verify(keyOf(deviceDid ?? did), pending.message, signature)) throw refused()
  }
}

export function refused(): VivimError {
  return new VivimError('Unauthorized', 'That does not prove who you are.', {
    hint: 'Ask for a new challenge and sign its message.',
  })
}

function keyOf(did: string): Uint8Array {
  try {
    return decodeDid(did)
  } catch {
    throw refused()
  }
}
