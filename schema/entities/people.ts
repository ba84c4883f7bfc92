import type { ReplicatedEntity } from './entity.ts'

/** What a person calls another one, keyed by that one's DID. */
export const Petname = {
  name: 'Petname',
  table: 'petnames',
  class: 'fact',
  number: 10,
  columns: {
    /** Null: taken back. */
    name: { number: 1, type: 'text' },
    named_at: { number: 2, type: 'integer' },
  },
} as const satisfies ReplicatedEntity

/** How a person stands to another one, keyed by that one's DID. */
export const Contact = {
  name: 'Contact',
  table: 'contacts',
  class: 'fact',
  number: 11,
  columns: {
    /**
     * `requested`: this person asked and waits; `received`: the other one did; `accepted`: both want it; `removed`: it
     * is over, or never was (somebody was only blocked).
     */
    state: { number: 1, type: 'text', oneOf: ['requested', 'received', 'accepted', 'removed'] },
    /** Apart from the state, so that to accept on one device takes back no block of another one. */
    blocked: { number: 2, type: 'integer', oneOf: [0, 1] },
    trust: { number: 3, type: 'text', oneOf: ['acquaintance', 'trusted', 'close'] },
    /** What the other one calls themselves. */
    display_name: { number: 4, type: 'text' },
    /** Nodes of the other one, newest first: [{peerId, addresses}…]. */
    reach_json: { number: 5, type: 'json' },
    /** 1: this person asked first. */
    initiated: { number: 6, type: 'integer', oneOf: [0, 1] },
    /** Milliseconds UTC, like the next ones. */
    asked_at: { number: 7, type: 'integer' },
    accepted_at: { number: 8, type: 'integer' },
    /** When the other one's node was last known to hold this person's consent. */
    confirmed_at: { number: 9, type: 'integer' },
    /** That each of the two wants it, under the signature of one of their devices: proof to third parties. */
    own_consent: { number: 10, type: 'blob' },
    their_consent: { number: 11, type: 'blob' },
  },
} as const satisfies ReplicatedEntity

/** Who may contact a person. There is one row, of a constant key; before the first change there is none. */
export const ContactPolicy = {
  name: 'ContactPolicy',
  table: 'contact_policies',
  class: 'fact',
  number: 12,
  columns: {
    who: { number: 1, type: 'text', oneOf: ['nobody', 'circle_mates', 'anyone'] },
    /** Requests of strangers that are kept in a day. */
    requests_per_day: { number: 2, type: 'integer' },
    /** 1: the person writes to others by way of the master, and reads there what others write. */
    through_master: { number: 3, type: 'integer', oneOf: [0, 1] },
  },
} as const satisfies ReplicatedEntity
