import { Contact, PeerLetter, type RowValues } from '../../schema/entities/index.ts'
import { type ContactRow, contactOf } from './contact-rows.ts'
import type { Contacts, Heard, Outcome } from './contacts.ts'
import { lineageOf } from './succession-rows.ts'
import type { Vault } from './vault.ts'

type Said = 'request' | 'accept' | 'ended'

/** Where somebody stands, what was said to them last by way of a master, and what is to be. */
export interface OwedLetter {
  readonly contact: ContactRow
  readonly said: Said | null
  readonly saidAt: number | null
  /** Null: what was said still holds, if there was anything. */
  readonly owed: Said | null
}

/** What somebody wrote, opened and checked. */
export interface HeardLetter {
  readonly from: string
  /** Its sequence. */
  readonly at: number
  /** Null: it is over. */
  readonly says: {
    readonly heard: Heard
    /** They hold this person's consent. */
    readonly holdsConsent: boolean
    /** This person's consent, kept when it is one. */
    readonly own: Uint8Array
    /** Of the invite they show. */
    readonly secretHash: Uint8Array | null
  } | null
}

/** `old`: acted upon before; `ended`: so is the contact; `ignored`: there is nothing it could be about. */
type LetterOutcome = Outcome | 'old' | 'ended' | 'ignored'

export interface LetterActions {
  /** Those who were written to, or are to be; by DID. */
  letters(params: { readonly limit: number }): readonly OwedLetter[]
  /** Somebody as `letters` has them, whatever was said; null for a stranger. */
  letterTo(params: { readonly did: string }): OwedLetter | null
  saidInLetter(params: { readonly did: string; readonly said: Said; readonly at: number }): null
  hearLetter(params: HeardLetter): { readonly outcome: LetterOutcome }
  /** The sequence of the letter of theirs that was acted upon last, and the consent of theirs that is held. */
  heardOf(params: { readonly did: string }): {
    readonly heardAt: number | null
    readonly consent: Uint8Array | null
  }
}

interface Row {
  readonly id: string
  readonly said: Said | null
  readonly said_at: number | null
  readonly ending: number | null
  readonly heard_at: number | null
}

const OWED = `SELECT c.id FROM contacts c LEFT JOIN peer_letters l ON l.space = c.space AND l.id = c.id AND l.deleted = 0
  WHERE c.space = ?1 AND c.deleted = 0
    AND (l.said IS NOT NULL OR l.ending = 1 OR c.state = 'requested'
      OR (c.state = 'accepted' AND c.confirmed_at IS NULL))
  ORDER BY c.confirmed_at IS NOT NULL, c.asked_at DESC, c.id LIMIT ?2`

/** Words between a person and others that a master carries: what is owed, and what becomes of what they say. */
export class PeerLetters {
  readonly #vault: Vault
  readonly #contacts: Contacts

  constructor(vault: Vault, contacts: Contacts) {
    this.#vault = vault
    this.#contacts = contacts
  }

  list(limit: number): OwedLetter[] {
    const { space } = this.#vault
    const rows = this.#vault.all<{ id: string }>(OWED, [space, limit])
    return rows.flatMap(({ id }) => this.to(id) ?? [])
  }

  to(did: string): OwedLetter | undefined {
    const contact = contactOf(this.#vault, this.#vault.space, did)
    if (!contact) return undefined
    const row = this.#row(did)
    return { contact, said: row?.said ?? null, saidAt: row?.said_at ?? null, owed: owedTo(contact, row) }
  }

  said(did: string, said: Said, at: number): void {
    this.#write(did, { said, said_at: at, ending: 0 })
  }

  /** A contact ends, or a request is taken back: whoever declines one says nothing. */
  oweEnding(did: string): void {
    const state = this.#contacts.get(did)?.state
    const isKnown = state === 'accepted' || state === 'requested'
    if (isKnown && this.#contacts.policy().throughMaster) this.#write(did, { ending: 1 })
  }

  hear(letter: HeardLetter): LetterOutcome {
    const { from, at } = letter
    if ((this.#row(from)?.heard_at ?? -1) >= at) return 'old'
    const outcome = this.#judge(letter)
    // What nothing became of may be looked at again: this person may yet want it.
    if (outcome === 'accepted' || outcome === 'kept') this.#write(from, { heard_at: at })
    else if (outcome === 'ended') this.#write(from, { heard_at: at, said: null, ending: 0 })
    else if (outcome === 'ignored' && this.#contacts.get(from)) this.#write(from, { heard_at: at })
    return outcome
  }

  heardOf(did: string): { heardAt: number | null; consent: Uint8Array | null } {
    const row = this.#vault.get<{ their_consent: Uint8Array | null }>(
      `SELECT their_consent FROM ${Contact.table} WHERE space = ? AND id = ? AND deleted = 0`,
      [this.#vault.space, did],
    )
    return { heardAt: this.#row(did)?.heard_at ?? null, consent: row?.their_consent ?? null }
  }

  #judge({ from, says }: HeardLetter): LetterOutcome {
    // Whoever has the old key of somebody who goes by a new one, or by another one, is nobody's contact.
    const { succeededBy, refused } = lineageOf(this.#vault, this.#vault.space, from)
    if (succeededBy !== null || refused) return 'superseded'
    const state = this.#contacts.get(from)?.state
    if (!says) {
      if (state !== 'accepted' && state !== 'received') return 'ignored'
      this.#contacts.remove(from)
      return 'ended'
    }
    const { heard, holdsConsent, own, secretHash } = says
    if (!holdsConsent) return this.#contacts.hear(heard, own, secretHash)
    const after = this.#contacts.answered(heard, own)
    if (after?.blocked) return 'blocked'
    return after?.state === 'accepted' ? 'accepted' : 'ignored'
  }

  #row(did: string): Row | undefined {
    return this.#vault.get<Row>(
      'SELECT id, said, said_at, ending, heard_at FROM peer_letters WHERE space = ? AND id = ? AND deleted = 0',
      [this.#vault.space, did],
    )
  }

  #write(did: string, values: RowValues): void {
    this.#vault.transact((tx) => tx.write([{ kind: 'INSERT', entity: PeerLetter.name, key: did, values }]))
  }
}

export function letterActions(letters: PeerLetters): LetterActions {
  return {
    letters: ({ limit }) => letters.list(limit),
    letterTo: ({ did }) => letters.to(did) ?? null,
    saidInLetter: ({ did, said, at }) => {
      letters.said(did, said, at)
      return null
    },
    hearLetter: (letter) => ({ outcome: letters.hear(letter) }),
    heardOf: ({ did }) => letters.heardOf(did),
  }
}

/** Somebody who is blocked is told nothing: not that, and not that anything is over. */
function owedTo(contact: ContactRow, row: Row | undefined): Said | null {
  const { state, blocked, confirmedAt, hasTheirConsent } = contact
  const said = row?.said ?? null
  if (blocked || state === 'received') return null
  // Also a row whose place a successor's took is `removed`: nothing has ended.
  if (state === 'removed') return row?.ending === 1 ? 'ended' : null
  // They met: nothing of it needs to be with a master.
  if (state === 'accepted' && confirmedAt !== null && said === null) return null
  const now = state === 'accepted' && hasTheirConsent ? 'accept' : 'request'
  return now === said ? null : now
}
