import type { ReplicatedEntity } from './entity.ts'

/** A collection of notes and units that a person keeps. */
export const Notebook = {
  name: 'Notebook',
  table: 'notebooks',
  class: 'fact',
  number: 6,
  columns: {
    name: { number: 1, type: 'text' },
    description: { number: 2, type: 'text' },
    icon: { number: 3, type: 'text' },
    color: { number: 4, type: 'text' },
    is_default: { number: 5, type: 'integer', oneOf: [0, 1] },
    created_at: { number: 6, type: 'integer' },
  },
} as const satisfies ReplicatedEntity

/**
 * One thing in a notebook. Of a unit there is one entry, keyed by a hash of (notebook, unit): added on two devices it
 * is one row. A note of its own has a UUIDv7.
 */
export const NotebookEntry = {
  name: 'NotebookEntry',
  table: 'notebook_entries',
  class: 'fact',
  number: 7,
  columns: {
    notebook_id: { number: 1, type: 'text' },
    acu_id: { number: 2, type: 'text' },
    title: { number: 3, type: 'text' },
    /** The note itself: several devices may edit it at once. */
    body: { number: 4, type: 'shared_text' },
    sort_order: { number: 5, type: 'real' },
    added_at: { number: 6, type: 'integer' },
    /** What the person counts with this entry by hand: each device adds what was counted on it. */
    tally: { number: 7, type: 'counter' },
  },
} as const satisfies ReplicatedEntity

/** What a person says about a conversation, a message or a unit, anchored to the words it is about. */
export const Annotation = {
  name: 'Annotation',
  table: 'annotations',
  class: 'fact',
  number: 8,
  columns: {
    acu_id: { number: 1, type: 'text' },
    /** Where the unit stood when it was annotated: a newer extractor may cut differently. */
    message_id: { number: 2, type: 'text' },
    /** Characters (UTF-16 units) of the message's text. */
    start: { number: 3, type: 'integer' },
    end: { number: 4, type: 'integer' },
    type: { number: 5, type: 'text', oneOf: ['comment', 'tag', 'rating', 'correction', 'question'] },
    note: { number: 6, type: 'shared_text' },
    author_did: { number: 7, type: 'text' },
    created_at: { number: 8, type: 'integer' },
    /** The conversation it belongs to: whose erase takes it along. */
    conversation_id: { number: 9, type: 'text' },
  },
} as const satisfies ReplicatedEntity
