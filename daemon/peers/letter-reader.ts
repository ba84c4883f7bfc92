import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { certifiedUntil } from '../identity/certificate-life.ts'
import { type ConnectionRecord, readConnectionRecord } from '../identity/connection-record.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import { isEnded } from '../master/ended-accounts.ts'
import type { CheckedRecord } from '../master/record-kinds.ts'
import type { HeardLetter } from '../vault/peer-letters.ts'
import { nameOrNone } from './contact-exchange.ts'
import { issueConsent, readConsent } from './contact-proof.ts'
import { hashOfSecret } from './invite-link.ts'
import { type Letter, openLetter } from './letter.ts'
import type { PeersOptions } from './options.ts'
import { isRevoked } from './revoked-devices.ts'

/** Letters that came to nothing and are not looked at again until something changes here. */
const REMEMBERED = 1_000

export type LetterReaderOptions = Pick<PeersOptions, 'find' | 'vault' | 'now' | 'count' | 'log'>

/**
 * Reads what others wrote to a person, as somebody who believes neither them nor the master: each letter is checked
 * again, and then judged like one who came themselves.
 */
export class LetterReader {
  readonly #options: LetterReaderOptions
  /** `<from> <to> <sequence>` of letters that came to nothing. */
  readonly #idle = new Set<string>()

  constructor(options: LetterReaderOptions) {
    this.#options = options
  }

  /** A person decided something about others: what came to nothing may not any more. */
  again(): void {
    this.#idle.clear()
  }

  /** Answers whether anything has changed. @throws VivimError `Unavailable` when the master does not answer */
  async read(keys: UserKeys, records: readonly CheckedRecord[]): Promise<boolean> {
    let changed = false
    for (const { did: from, subject: to, sequence, bytes } of records) {
      const name = `${from} ${to} ${sequence}`
      if (to !== keys.did || this.#idle.has(name)) continue
      const outcome = await this.#outcome(keys, readConnectionRecord(bytes)!)
      if (outcome !== 'old') this.#options.count(`peers.letters.${outcome}`)
      if (outcome === 'accepted' || outcome === 'kept' || outcome === 'ended') changed = true
      // A clock comes right by itself.
      else if (outcome !== 'ahead') this.#remember(name)
    }
    return changed
  }

  async #outcome(keys: UserKeys, record: ConnectionRecord) {
    const { now, vault, log, find } = this.#options
    const { from, sequence, document } = record
    const latest = now() + LIMITS.clockAheadMs
    const { heardAt, consent } = await vault(keys.did)('heardOf', { did: from })
    if (heardAt !== null && heardAt >= sequence) return 'old'
    if (sequence > latest) return 'ahead'
    if (certifiedUntil(document.chain) + LIMITS.clockAheadMs <= now()) return 'expired'
    const entry = await find(from, AbortSignal.timeout(LIMITS.registryCallMs))
    if (isRevoked(document, entry) || isEnded(entry?.records ?? [])) return 'revoked'
    const letter = openLetter(keys.receiveSeed, record)
    if (!letter) return 'unreadable'
    // They have met again since, and agreed.
    const met = consent && readConsent(consent)?.at
    if (letter.kind === 'ended' && typeof met === 'number' && met >= sequence) return 'overtaken'
    try {
      const heard = heardIn(letter, keys, from, { sequence, now: now() })
      return (await vault(keys.did)('hearLetter', heard)).outcome
    } catch (error) {
      if (!(error instanceof VivimError)) throw error
      log.info({ reason: error.message }, 'what somebody wrote was not judged')
      return 'failed'
    }
  }

  #remember(name: string): void {
    const [oldest] = this.#idle
    if (this.#idle.size >= REMEMBERED && oldest !== undefined) this.#idle.delete(oldest)
    this.#idle.add(name)
  }
}

function heardIn(
  { kind, consent, displayName, reach, secret }: Letter,
  keys: UserKeys,
  from: string,
  { sequence, now }: { readonly sequence: number; readonly now: number },
): HeardLetter {
  if (!consent) return { from, at: sequence, says: null }
  const heard = { did: from, displayName: nameOrNone(displayName), reach, consent }
  const own = issueConsent(keys, from, now)
  const secretHash = secret && hashOfSecret(secret)
  return { from, at: sequence, says: { heard, holdsConsent: kind === 'accept', own, secretHash } }
}
