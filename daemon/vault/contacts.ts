import { Contact, ContactPolicy, Petname, type RowValues } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { takeInvite } from './contact-invites.ts'
import { type ContactRow, contactOf, type Reach, type Trust } from './contact-rows.ts'
import { lineageOf } from './succession-rows.ts'
import type { Vault, VaultTransaction } from './vault.ts'

const DAY_MS = 24 * 3_600_000
const POLICY_KEY = 'contact-policy'

interface PolicyRow {
  readonly who: Policy['who'] | null
  readonly requests_per_day: number | null
  readonly through_master: number | null
}

export interface Policy {
  readonly who: 'nobody' | 'circle_mates' | 'anyone'
  readonly requestsPerDay: number
  /** Others are written to by way of the master, and what they write is read there. */
  readonly throughMaster: boolean
}

/** What somebody showed of themselves, checked by whoever heard it. */
export interface Heard {
  readonly did: string
  readonly displayName: string | null
  /** Null: they say nothing of where they are. */
  readonly reach: Reach | null
  /** That they want to be in contact, signed. */
  readonly consent: Uint8Array
}

/**
 * What becomes of somebody who asks. `accepted`: both want it. `kept`: the person is asked. `superseded`: their root key
 * has a successor. The others are told to nobody outside.
 */
export type Outcome =
  | 'accepted'
  | 'kept'
  | 'blocked'
  | 'not_allowed'
  | 'too_many'
  | 'bad_invite'
  | 'superseded'

/** How a person stands to others. */
export class Contacts {
  readonly #vault: Vault

  constructor(vault: Vault) {
    this.#vault = vault
  }

  get(did: string): ContactRow | undefined {
    return contactOf(this.#vault, this.#vault.space, did)
  }

  policy(): Policy {
    const row = this.#vault.get<PolicyRow>(
      'SELECT who, requests_per_day, through_master FROM contact_policies WHERE space = ? AND id = ? AND deleted = 0',
      [this.#vault.space, POLICY_KEY],
    )
    const requestsPerDay = row?.requests_per_day ?? LIMITS.contactRequestsPerDayDefault
    return {
      who: row?.who ?? 'nobody',
      requestsPerDay: Math.min(requestsPerDay, LIMITS.contactRequestsPerDay),
      throughMaster: row?.through_master === 1,
    }
  }

  setPolicy({ who, requestsPerDay, throughMaster }: Partial<Policy>): Policy {
    const values = {
      ...(who !== undefined && { who }),
      ...(requestsPerDay !== undefined && { requests_per_day: requestsPerDay }),
      ...(throughMaster !== undefined && { through_master: throughMaster ? 1 : 0 }),
    }
    if (Object.keys(values).length > 0)
      this.#vault.transact((tx) =>
        tx.write([{ kind: 'INSERT', entity: ContactPolicy.name, key: POLICY_KEY, values }]),
      )
    return this.policy()
  }

  /**
   * This person wants the contact, whatever the other one says.
   * @throws VivimError `Conflict` for somebody who is blocked
   */
  ask(did: string, asked: { readonly reach?: Reach; readonly consent: Uint8Array }): ContactRow {
    return this.#vault.transact((tx) => {
      const before = this.get(did)
      if (before?.blocked) throw blocked()
      const state = before?.state === 'accepted' || before?.state === 'received' ? 'accepted' : 'requested'
      const isNew = state !== before?.state
      this.#write(tx, did, before, {
        ...(isNew && { state, own_consent: asked.consent }),
        ...(isNew && state === 'requested' && { initiated: 1, asked_at: this.#vault.now() }),
        ...(isNew && state === 'accepted' && { accepted_at: this.#vault.now() }),
        ...(asked.reach && { reach_json: joined(asked.reach, before) }),
      })
      return this.get(did)!
    })
  }

  /**
   * Somebody showed who they are and wants the contact. `own`: this person's consent, kept when it is one.
   * `secretHash`: of the invite they hold.
   */
  hear(heard: Heard, own: Uint8Array, secretHash: Uint8Array | null): Outcome {
    return this.#vault.transact((tx) => {
      const before = this.get(heard.did)
      const now = this.#vault.now()
      if (before?.blocked) return 'blocked'
      if (this.#isSuperseded(heard.did)) return 'superseded'
      const invite = secretHash ? takeInvite(tx, secretHash, heard.did, now) : undefined
      const isWanted = before?.state === 'requested' || before?.state === 'accepted'
      // Who is wanted anyway needs no invite that is good.
      if (secretHash && !invite && !isWanted) return 'bad_invite'
      if (invite || isWanted) {
        this.#accept(tx, heard, own, before)
        if (invite?.petname != null && before?.petname == null) this.#tryName(tx, heard.did, invite.petname)
        return 'accepted'
      }
      if (before?.state === 'received') return 'kept'
      const { who, requestsPerDay } = this.policy()
      if (who !== 'anyone') return 'not_allowed'
      if (this.#askedSince(now - DAY_MS) >= requestsPerDay || this.#waiting() >= LIMITS.contactRequests)
        return 'too_many'
      this.#write(tx, heard.did, before, {
        ...shown(heard, before),
        state: 'received',
        initiated: 0,
        asked_at: now,
        their_consent: heard.consent,
      })
      return 'kept'
    })
  }

  /** The other side has this person's consent. */
  confirm(did: string): void {
    this.#vault.transact((tx) => {
      const before = this.get(did)
      if (before?.state === 'accepted' && before.confirmedAt === null)
        this.#write(tx, did, before, { confirmed_at: this.#vault.now() })
    })
  }

  /** Somebody answered with who they are: they hold this person's consent, and want the contact too. */
  answered(heard: Heard, own: Uint8Array): ContactRow | undefined {
    const contact = this.#vault.transact((tx) => {
      const before = this.get(heard.did)
      if (this.#isSuperseded(heard.did)) return before
      if (before && !before.blocked && (before.state === 'requested' || before.state === 'accepted'))
        this.#accept(tx, heard, own, before)
      return this.get(heard.did)
    })
    this.confirm(heard.did)
    return contact && this.get(heard.did)
  }

  /** @throws VivimError `NotFound` unless they asked; `Conflict` for somebody who is blocked */
  accept(did: string, own: Uint8Array): ContactRow {
    return this.#vault.transact((tx) => {
      const before = this.get(did)
      if (before?.blocked) throw blocked()
      if (before?.state !== 'received' && before?.state !== 'accepted') throw noRequest()
      if (before.state === 'received')
        this.#write(tx, did, before, {
          state: 'accepted',
          accepted_at: this.#vault.now(),
          own_consent: own,
        })
      return this.get(did)!
    })
  }

  block(did: string, isBlocked: boolean): ContactRow {
    return this.#vault.transact((tx) => {
      this.#write(tx, did, this.get(did), { blocked: isBlocked ? 1 : 0 })
      return this.get(did)!
    })
  }

  /** @throws VivimError `NotFound` unless they are an accepted contact */
  trust(did: string, level: Trust): ContactRow {
    return this.#vault.transact((tx) => {
      const before = this.get(did)
      if (before?.state !== 'accepted')
        throw new VivimError('NotFound', 'That is no contact of yours.', {
          field: 'did',
          hint: '`vivimd peers list` shows your contacts.',
        })
      this.#write(tx, did, before, { trust: level })
      return this.get(did)!
    })
  }

  /**
   * Ends a contact, takes a request back, or declines one: of them the DID and the petname are left. Over the network
   * the other side is not told.
   */
  remove(did: string): ContactRow | undefined {
    return this.#vault.transact((tx) => {
      const before = this.get(did)
      if (before && before.state !== 'removed')
        this.#write(tx, did, before, {
          state: 'removed',
          trust: 'acquaintance',
          display_name: null,
          reach_json: null,
          accepted_at: null,
          confirmed_at: null,
          own_consent: null,
          their_consent: null,
        })
      return this.get(did)
    })
  }

  /** Null takes it back. @throws VivimError `Conflict` when somebody else goes by that name */
  name(did: string, name: string | null): ContactRow | undefined {
    return this.#vault.transact((tx) => {
      this.#name(tx, did, name)
      return this.get(did)
    })
  }

  /** Whoever has the old key of somebody who goes by a new one, or by another one, is nobody's contact. */
  #isSuperseded(did: string): boolean {
    const { succeededBy, refused } = lineageOf(this.#vault, this.#vault.space, did)
    return succeededBy !== null || refused
  }

  #accept(tx: VaultTransaction, heard: Heard, own: Uint8Array, before: ContactRow | undefined): void {
    const now = this.#vault.now()
    const isNew = before?.state !== 'accepted'
    this.#write(tx, heard.did, before, {
      ...shown(heard, before),
      ...(isNew && { state: 'accepted', accepted_at: now, own_consent: own }),
      ...(isNew && before?.state !== 'requested' && { initiated: 0, asked_at: now }),
      ...((isNew || before?.hasTheirConsent !== true) && { their_consent: heard.consent }),
    })
  }

  #write(tx: VaultTransaction, did: string, before: ContactRow | undefined, values: RowValues): void {
    if (Object.keys(values).length === 0) return
    const kind = before ? 'UPDATE' : 'INSERT'
    tx.write([{ kind, entity: Contact.name, key: did, values }])
  }

  #name(tx: VaultTransaction, did: string, name: string | null): void {
    const other = name === null ? undefined : this.#named(name, did)
    if (other)
      throw new VivimError('Conflict', `You call somebody else ${JSON.stringify(name)}.`, {
        field: 'name',
        hint: `\`vivimd peers name ${other}\` with another name frees it.`,
      })
    const values = { name, named_at: this.#vault.now() }
    tx.write([{ kind: 'INSERT', entity: Petname.name, key: did, values }])
  }

  /** Somebody else may have got that name since the invite was made. */
  #tryName(tx: VaultTransaction, did: string, name: string): void {
    if (!this.#named(name, did)) this.#name(tx, did, name)
  }

  #named(name: string, notDid: string): string | undefined {
    return this.#vault.get<{ id: string }>(
      'SELECT id FROM petnames WHERE space = ? AND name = ? AND id <> ? AND deleted = 0',
      [this.#vault.space, name, notDid],
    )?.id
  }

  #askedSince(time: number): number {
    return this.#count('initiated = 0 AND asked_at > ?', [time])
  }

  #waiting(): number {
    return this.#count("state = 'received'", [])
  }

  #count(where: string, values: readonly number[]): number {
    return this.#vault.get<{ count: number }>(
      `SELECT count(*) AS count FROM contacts WHERE space = ? AND deleted = 0 AND ${where}`,
      [this.#vault.space, ...values],
    )!.count
  }
}

/** What they say of themselves now, where it differs from what is known. */
function shown(heard: Heard, before: ContactRow | undefined): RowValues {
  const known = before?.reach ?? []
  const reach = heard.reach ? joined(heard.reach, before) : JSON.stringify(known)
  return {
    ...(heard.displayName !== (before?.displayName ?? null) && { display_name: heard.displayName }),
    ...(reach !== JSON.stringify(known) && { reach_json: reach }),
  }
}

/** The node they were heard at comes first; of each node the newest addresses. */
function joined({ peerId, addresses }: Reach, before: ContactRow | undefined): string {
  const others = (before?.reach ?? []).filter((reach) => reach.peerId !== peerId)
  return JSON.stringify([{ peerId, addresses }, ...others].slice(0, LIMITS.contactNodes))
}

function blocked(): VivimError {
  return new VivimError('Conflict', 'You have blocked them.', {
    field: 'did',
    hint: '`vivimd peers unblock` comes first.',
  })
}

function noRequest(): VivimError {
  return new VivimError('NotFound', 'They have not asked.', {
    field: 'did',
    hint: '`vivimd peers list` shows who has; `vivimd peers request` asks them.',
  })
}
