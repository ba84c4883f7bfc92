import type { ReplicatedEntity } from './entity.ts'

/** A captured chat. Its id is derived from the provider and the provider's own id, so two devices agree. */
export const Conversation = {
  name: 'Conversation',
  table: 'conversations',
  class: 'fact',
  number: 1,
  columns: {
    provider: { number: 1, type: 'text' },
    original_id: { number: 2, type: 'text' },
    source_url: { number: 3, type: 'text' },
    /** The provider's title. A title the user gave stands in `custom_title` and wins. */
    title: { number: 4, type: 'text' },
    custom_title: { number: 5, type: 'text' },
    model: { number: 6, type: 'text' },
    created_at: { number: 7, type: 'integer' },
    updated_at: { number: 8, type: 'integer' },
    captured_at: { number: 9, type: 'integer' },
    state: { number: 10, type: 'text', oneOf: ['ACTIVE', 'ARCHIVED'] },
    /** SHA-256 (hex) of the canonical captured content: equal means nothing to do. */
    content_hash: { number: 11, type: 'text' },
    /** Counts captures that changed something, from 1. */
    version: { number: 12, type: 'integer' },
    /** Message id of the shown branch's last message. */
    current_message_id: { number: 13, type: 'text' },
    /** Generation in the id after an erase: 0, or higher when captured `again`. */
    generation: { number: 14, type: 'integer' },
    metadata_json: { number: 15, type: 'json' },
  },
} as const satisfies ReplicatedEntity

/** One turn's place in a conversation. Its content is a MessageVersion; the shown one is `version_hash`. */
export const Message = {
  name: 'Message',
  table: 'messages',
  class: 'fact',
  number: 2,
  columns: {
    conversation_id: { number: 1, type: 'text' },
    original_id: { number: 2, type: 'text' },
    parent_id: { number: 3, type: 'text' },
    role: { number: 4, type: 'text', oneOf: ['user', 'assistant', 'system', 'tool'] },
    author: { number: 5, type: 'text' },
    model: { number: 6, type: 'text' },
    created_at: { number: 7, type: 'integer' },
    /** Place among the conversation's messages in the provider's order, from 0. */
    position: { number: 8, type: 'integer' },
    /** 1: kept, not shown, never read as the user's words. */
    hidden: { number: 9, type: 'integer', oneOf: [0, 1] },
    version_hash: { number: 10, type: 'text' },
    metadata_json: { number: 11, type: 'json' },
  },
} as const satisfies ReplicatedEntity

/** Immutable content of a message, keyed `<message id>:<content hash>`. */
export const MessageVersion = {
  name: 'MessageVersion',
  table: 'message_versions',
  class: 'fact',
  number: 3,
  columns: {
    message_id: { number: 1, type: 'text' },
    content_hash: { number: 2, type: 'text' },
    /** Parts in source order; level-5 spans replaced by markers. NULL when in a blob. */
    parts_json: { number: 3, type: 'json' },
    /** SHA-256 (hex) of the blob that holds the parts when they exceed an operation. */
    parts_blob: { number: 4, type: 'text' },
    /** Level-5 spans sealed with the vault key; NULL when there are none. */
    sealed: { number: 5, type: 'blob' },
    captured_at: { number: 6, type: 'integer' },
  },
} as const satisfies ReplicatedEntity

/** What a person calls one of their devices, keyed by the device's DID. */
export const Device = {
  name: 'Device',
  table: 'devices',
  class: 'fact',
  number: 5,
  columns: {
    name: { number: 1, type: 'text' },
    /** How far it has purged what was erased: canonical CBOR [[device, incarnation, sequence]…]. */
    purged: { number: 2, type: 'blob' },
    /** Up to when its mass erasures are confirmed; counts only when another device wrote it. */
    erasures_confirmed: { number: 3, type: 'integer' },
    /** Up to where it holds every log: canonical CBOR [[device, incarnation, sequence]…]. */
    holds: { number: 4, type: 'blob' },
    /** The floor it keeps to: key of a Floor. */
    floor: { number: 5, type: 'text' },
  },
} as const satisfies ReplicatedEntity

/** A tag on a conversation, keyed by a hash of (conversation, tag): adding twice on two devices is one row. */
export const ConversationTag = {
  name: 'ConversationTag',
  table: 'conversation_tags',
  class: 'fact',
  number: 4,
  columns: {
    conversation_id: { number: 1, type: 'text' },
    tag: { number: 2, type: 'text' },
  },
} as const satisfies ReplicatedEntity

/**
 * Where the past ends: rows deleted up to `before` go once every device that is counted on keeps to the floor, and
 * devices that were away too long begin again from a snapshot. The highest key counts.
 */
export const Floor = {
  name: 'Floor',
  table: 'floors',
  class: 'fact',
  number: 9,
  columns: {
    /** The last position of each log that counts, and the devices that have to keep to it. */
    terms: { number: 1, type: 'blob' },
    /** Milliseconds UTC. */
    before: { number: 2, type: 'integer' },
  },
} as const satisfies ReplicatedEntity
