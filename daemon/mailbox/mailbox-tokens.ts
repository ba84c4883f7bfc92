import { createHmac, timingSafeEqual } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { secretKey } from '../../crdt/secret-key.ts'

const VERSION = 1

/**
 * Leave to deposit, given by a keeper to a registered device. It names the person by a keyed hash that only this keeper
 * can make, so that neither the token nor what is kept beside a mailbox says who it is.
 */
export class MailboxTokens {
  readonly #key: Uint8Array

  /** @param key 32 bytes, kept by the keeper across restarts */
  constructor(key: Uint8Array) {
    this.#key = key
  }

  /** Canonical CBOR [1, owner, expiry in ms UTC, MAC]. */
  issue(did: string, until: number): Uint8Array {
    const owner = this.#mac('owner', did).subarray(0, 16).toString('hex')
    return encodeCanonical([VERSION, owner, until, this.#macOf(owner, until)])
  }

  /** Whom it was given to, or undefined when it was not given here or is over. */
  ownerOf(token: Uint8Array, now: number): string | undefined {
    const [version, owner, until, mac, ...more] = tryDecodeArray(token) ?? []
    if (version !== VERSION || typeof owner !== 'string' || typeof until !== 'number' || more.length > 0)
      return undefined
    const right = this.#macOf(owner, until)
    if (!(mac instanceof Uint8Array) || mac.length !== right.length || !timingSafeEqual(mac, right))
      return undefined
    return until > now ? owner : undefined
  }

  #macOf(owner: string, until: number): Buffer {
    return this.#mac('token', `${owner}/${until}`)
  }

  #mac(purpose: string, what: string): Buffer {
    return createHmac('sha256', secretKey(this.#key))
      .update(encodeCanonical([purpose, what]))
      .digest()
  }
}
