import type { ReplicatedEntity } from './entity.ts'

/** What a person and another one, whose DID is the key, said to each other by way of a master. */
export const PeerLetter = {
  name: 'PeerLetter',
  table: 'peer_letters',
  class: 'fact',
  number: 14,
  columns: {
    /** What this person said last. Null: nothing, or nothing that still stands. */
    said: { number: 1, type: 'text', oneOf: ['request', 'accept', 'ended'] },
    /** Its sequence; milliseconds UTC. */
    said_at: { number: 2, type: 'integer' },
    /** 1: the other one is to be told that it is over. */
    ending: { number: 3, type: 'integer', oneOf: [0, 1] },
    /** The sequence of the other one's letter that was acted upon last; older ones are not acted upon again. */
    heard_at: { number: 4, type: 'integer' },
  },
} as const satisfies ReplicatedEntity
