import { encodeCanonical } from '../../crdt/cbor.ts'
import { sha256 } from '../../crdt/hash.ts'
import { Contact, Petname, type RowValues, Succession } from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { ContactRow } from './contact-rows.ts'
import { Contacts } from './contacts.ts'
import { followedFrom, followedTo, type SuccessionRow, successorsOf } from './succession-rows.ts'
import type { Vault, VaultTransaction } from './vault.ts'

/** A statement whose two signatures were checked by whoever heard it. */
export interface HeardSuccession {
  readonly predecessor: string
  readonly successor: string
  /** Milliseconds UTC. */
  readonly at: number
  readonly statement: Uint8Array
}

/**
 * - `followed`: the successor stands where the other one stood, from now on and for good.
 * - `known`: it was heard before, or changes nothing.
 * - `second`: another one was followed; this one is kept as proof.
 * - `undecided`: two were heard before any was followed, so none is.
 * - `refused`: it leads back to where it began, or the chain is too long, or there is proof enough.
 * - `stranger`: this person has nothing about the one it is from.
 */
export type Followed = 'followed' | 'known' | 'second' | 'undecided' | 'refused' | 'stranger'

/** Successors of the root keys of contacts and of the person: the first that is followed counts, for good. */
export class Successions {
  readonly #vault: Vault
  readonly #contacts: Contacts

  constructor(vault: Vault) {
    this.#vault = vault
    this.#contacts = new Contacts(vault)
  }

  /**
   * Follows what is heard of one predecessor, all at once: of two that come together none is older. `own`: this
   * person's consent to be in contact with the successor.
   */
  follow(heard: readonly HeardSuccession[], own: Uint8Array | null): Followed {
    return this.#vault.transact((tx) => {
      const [first] = heard
      if (!first || heard.some(({ predecessor }) => predecessor !== first.predecessor)) return 'known'
      if (!this.#isOfInterest(first.predecessor)) return 'stranger'
      const before = successorsOf(tx, this.#vault.space, first.predecessor)
      const known = new Set(before.map(({ successor }) => successor))
      const news = new Map(
        heard.flatMap((each) => (known.has(each.successor) ? [] : [[each.successor, each]])),
      )
      if (news.size === 0) return 'known'
      const kept = [...news.values()].slice(0, Math.max(0, LIMITS.successorsKept - before.length))
      const wrong = kept.filter((each) => this.#leadsBack(each))
      if (kept.length === 0 || wrong.length > 0) return 'refused'
      for (const each of kept) this.#keep(tx, each)
      if (before[0] && before[0].followedAt !== null) return 'second'
      if (before.length + kept.length > 1) return 'undecided'
      this.#pin(tx, first)
      if (first.predecessor !== this.#vault.did) this.#carry(tx, first, own)
      return 'followed'
    })
  }

  /** The person themselves goes from one root key to the next: what their own devices are told. */
  keepOwn(own: HeardSuccession): Followed {
    return this.#vault.transact((tx) => {
      const before = successorsOf(tx, this.#vault.space, own.predecessor)
      if (before[0]?.followedAt != null) return before[0].successor === own.successor ? 'known' : 'second'
      if (this.#leadsBack(own)) return 'refused'
      this.#keep(tx, own)
      this.#pin(tx, own)
      return 'followed'
    })
  }

  /** What shows others whose place this person took, and who took theirs: the oldest first. */
  ownStatements(): Uint8Array[] {
    const { space, did } = this.#vault
    const before = this.#chainTo(did)
    const after = followedFrom(this.#vault, space, did)
    return [...before, ...(after ? [after] : [])].map(({ statement }) => new Uint8Array(statement))
  }

  /** A block holds for whoever they became. */
  block(did: string, isBlocked: boolean): ContactRow {
    const row = this.#contacts.block(did, isBlocked)
    if (!isBlocked) return row
    for (const { successor } of this.#chainFrom(did))
      if (!this.#contacts.get(successor)?.blocked) this.#contacts.block(successor, true)
    return row
  }

  #isOfInterest(did: string): boolean {
    const { space } = this.#vault
    if (did === this.#vault.did || followedTo(this.#vault, space, did).length > 0) return true
    if (successorsOf(this.#vault, space, did).length > 0) return true
    const contact = this.#contacts.get(did)
    return (
      contact !== undefined && (contact.state !== 'removed' || contact.blocked || contact.petname !== null)
    )
  }

  #leadsBack({ predecessor, successor }: HeardSuccession): boolean {
    const after = this.#chainFrom(successor)
    if (successor === predecessor || after.some((each) => each.successor === predecessor)) return true
    return this.#chainTo(predecessor).length + after.length + 1 > LIMITS.successorChain
  }

  #chainFrom(did: string): SuccessionRow[] {
    const chain: SuccessionRow[] = []
    let row = followedFrom(this.#vault, this.#vault.space, did)
    while (row && chain.length < LIMITS.successorChain) {
      chain.push(row)
      row = followedFrom(this.#vault, this.#vault.space, row.successor)
    }
    return chain
  }

  #chainTo(did: string): SuccessionRow[] {
    const chain: SuccessionRow[] = []
    let [row] = followedTo(this.#vault, this.#vault.space, did)
    while (row && chain.length < LIMITS.successorChain) {
      chain.unshift(row)
      ;[row] = followedTo(this.#vault, this.#vault.space, row.predecessor)
    }
    return chain
  }

  #keep(tx: VaultTransaction, { predecessor, successor, statement, at }: HeardSuccession): void {
    const values = { predecessor, successor, statement, stated_at: at, seen_at: this.#vault.now() }
    tx.write([{ kind: 'INSERT', entity: Succession.name, key: keyOf(predecessor, successor), values }])
  }

  #pin(tx: VaultTransaction, { predecessor, successor }: HeardSuccession): void {
    const values = { followed_at: this.#vault.now() }
    tx.write([{ kind: 'UPDATE', entity: Succession.name, key: keyOf(predecessor, successor), values }])
  }

  /** Petname, state, trust and block go over; what the successor has already stays. */
  #carry(tx: VaultTransaction, { predecessor, successor }: HeardSuccession, own: Uint8Array | null): void {
    const from = this.#contacts.get(predecessor)
    if (!from || successor === this.#vault.did) return
    const to = this.#contacts.get(successor)
    const values = carriedValues(from, to, own)
    if (Object.keys(values).length > 0)
      tx.write([{ kind: to ? 'UPDATE' : 'INSERT', entity: Contact.name, key: successor, values }])
    if (from.petname !== null) {
      const name = (key: string, text: string | null) => {
        const named = { name: text, named_at: this.#vault.now() }
        tx.write([{ kind: 'INSERT', entity: Petname.name, key, values: named }])
      }
      name(predecessor, null)
      if (to?.petname == null) name(successor, from.petname)
    }
    if (from.state === 'removed') return
    const ended: RowValues = {
      ...{ state: 'removed', trust: 'acquaintance', reach_json: null },
      ...{ accepted_at: null, confirmed_at: null, own_consent: null, their_consent: null },
    }
    tx.write([{ kind: 'UPDATE', entity: Contact.name, key: predecessor, values: ended }])
  }
}

function carriedValues(from: ContactRow, to: ContactRow | undefined, own: Uint8Array | null): RowValues {
  const blocked = from.blocked && !to?.blocked ? { blocked: 1 } : {}
  const better = STATES.indexOf(from.state) > STATES.indexOf(to?.state ?? 'removed')
  if (!better) return blocked
  return {
    ...blocked,
    state: from.state,
    trust: from.trust,
    ...(from.displayName !== null && to?.displayName == null && { display_name: from.displayName }),
    ...(from.reach.length > 0 &&
      (to?.reach ?? []).length === 0 && { reach_json: JSON.stringify(from.reach) }),
    initiated: from.initiated ? 1 : 0,
    asked_at: from.askedAt,
    accepted_at: from.acceptedAt,
    ...(own && from.state !== 'received' && { own_consent: own }),
  }
}

/** What says more comes later. */
const STATES: readonly ContactRow['state'][] = ['removed', 'received', 'requested', 'accepted']

function keyOf(predecessor: string, successor: string): string {
  return Buffer.from(sha256(encodeCanonical([predecessor, successor]))).toString('hex')
}
