import type { ReplicatedEntity } from './entity.ts'

/**
 * That one root key has another one as its successor, keyed by a hash of both DIDs: of a contact, or of the person. Of
 * several that name one predecessor the one that was followed first counts; the others are kept as proof.
 */
export const Succession = {
  name: 'Succession',
  table: 'successions',
  class: 'fact',
  number: 13,
  columns: {
    /** DIDs. */
    predecessor: { number: 1, type: 'text' },
    successor: { number: 2, type: 'text' },
    /** What both root keys signed. */
    statement: { number: 3, type: 'blob' },
    /** Milliseconds UTC, like the next ones: when it was signed, by its own word. */
    stated_at: { number: 4, type: 'integer' },
    seen_at: { number: 5, type: 'integer' },
    /** Not written when it is not followed. */
    followed_at: { number: 6, type: 'integer' },
  },
} as const satisfies ReplicatedEntity
