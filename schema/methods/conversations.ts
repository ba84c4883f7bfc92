import { z } from 'zod'
import { PART_TYPES, ROLES } from '../capture.ts'
import { LIMITS } from '../limits.ts'
import { defineMethod, Id, listOf, Millis, Page } from './method.ts'

export const ConversationItem = z.object({
  id: z.string(),
  provider: z.string(),
  title: z.string(),
  createdAt: Millis.nullable(),
  updatedAt: Millis.nullable(),
  /** Messages of the shown branch that are shown. */
  messageCount: z.int(),
  state: z.enum(['ACTIVE', 'ARCHIVED']),
  tags: z.array(z.string()),
})
export type ConversationItem = z.infer<typeof ConversationItem>

export const MessageItem = z.object({
  id: z.string(),
  originalMessageId: z.string().nullable(),
  parentId: z.string().nullable(),
  role: z.enum(ROLES),
  author: z.string().nullable(),
  model: z.string().nullable(),
  createdAt: Millis.nullable(),
  hidden: z.boolean(),
  /** 0 is the shown branch; others count up in order of their first own message. */
  branch: z.int(),
  parts: z.array(
    z.object({
      type: z.enum(PART_TYPES),
      content: z.string(),
      language: z.string().optional(),
      metadata: z.record(z.string(), z.json()).optional(),
    }),
  ),
})
export type MessageItem = z.infer<typeof MessageItem>

const One = z.strictObject({ id: Id })
const Tag = z.string().trim().min(1).max(LIMITS.tagCharacters)

export const conversationsMethods = {
  'conversations.list': defineMethod({
    summary: 'List conversations, last changed first.',
    access: 'read',
    params: z.strictObject({
      ...Page,
      provider: z.string().max(64).optional(),
      state: z.enum(['ACTIVE', 'ARCHIVED', 'ANY']).default('ACTIVE'),
      tag: Tag.optional(),
      from: Millis.optional(),
      to: Millis.optional(),
    }),
    result: listOf(ConversationItem),
    errors: [],
    examples: [
      { title: 'Latest', params: { limit: 10 } },
      { title: 'By tag', params: { tag: 'tea' } },
    ],
  }),
  'conversations.get': defineMethod({
    summary: 'Give a conversation with its messages.',
    access: 'read',
    params: z.strictObject({
      id: Id,
      /** Only this branch; absent: all messages. */
      branch: z.int().min(0).optional(),
      /** Show sealed level-5 text; needs a session of level 5. */
      reveal: z.boolean().default(false),
    }),
    result: ConversationItem.extend({
      sourceUrl: z.string().nullable(),
      model: z.string().nullable(),
      version: z.int(),
      messages: z.array(MessageItem),
      branches: z.array(z.object({ branch: z.int(), leafMessageId: z.string(), messageCount: z.int() })),
    }),
    errors: ['NotFound', 'Forbidden'],
    examples: [{ title: 'One', params: { id: '$conversationId' } }],
    positional: ['id'],
  }),
  'conversations.rename': defineMethod({
    summary: 'Give a conversation a title of your own.',
    access: 'write',
    params: z.strictObject({ id: Id, title: z.string().trim().min(1).max(LIMITS.titleCharacters) }),
    result: ConversationItem,
    errors: ['NotFound'],
    examples: [{ title: 'Rename', params: { id: '$conversationId', title: 'Tea for Ann' } }],
    positional: ['id', 'title'],
  }),
  'conversations.tag': defineMethod({
    summary: 'Add and remove tags.',
    access: 'write',
    params: z.strictObject({
      id: Id,
      add: z.array(Tag).max(100).default([]),
      remove: z.array(Tag).max(100).default([]),
    }),
    result: ConversationItem,
    errors: ['NotFound'],
    examples: [{ title: 'Add one', params: { id: '$conversationId', add: ['tea'] } }],
    positional: ['id'],
  }),
  'conversations.archive': defineMethod({
    summary: 'Hide a conversation from lists, search and context; it is kept.',
    access: 'write',
    params: One,
    result: ConversationItem,
    errors: ['NotFound'],
    examples: [{ title: 'Archive', params: { id: '$conversationId' } }],
    positional: ['id'],
  }),
  'conversations.unarchive': defineMethod({
    summary: 'Bring an archived conversation back.',
    access: 'write',
    params: One,
    result: ConversationItem,
    errors: ['NotFound'],
    examples: [{ title: 'Unarchive', params: { id: '$conversationId' } }],
    positional: ['id'],
  }),
  'conversations.delete': defineMethod({
    summary: 'Move a conversation to the trash, or erase it for good.',
    access: 'write',
    params: z.strictObject({ id: Id, erase: z.boolean().default(false) }),
    result: z.object({
      id: z.string(),
      deleted: z.boolean(),
      erased: z.boolean(),
      /** True once no byte of it is left in the database on this device. */
      purged: z.boolean(),
      /** Names of your other devices that have not said so yet. */
      waitingFor: z.array(z.string()),
    }),
    errors: ['NotFound'],
    examples: [{ title: 'To the trash', params: { id: '$conversationId' } }],
    positional: ['id'],
    timeoutMs: 600_000,
  }),
  'conversations.restore': defineMethod({
    summary: 'Take a conversation out of the trash.',
    access: 'write',
    params: One,
    result: ConversationItem,
    errors: ['NotFound'],
    examples: [{ title: 'Restore', params: { id: '$conversationId' } }],
    positional: ['id'],
  }),
  'conversations.trash': defineMethod({
    summary: 'List what is in the trash.',
    access: 'read',
    params: z.strictObject({ ...Page }),
    result: listOf(ConversationItem.extend({ deletedAt: Millis })),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'conversations.stats': defineMethod({
    summary: 'Count what there is.',
    access: 'read',
    params: z.strictObject({}),
    result: z.object({
      conversations: z.int(),
      archived: z.int(),
      trash: z.int(),
      messages: z.int(),
      units: z.int(),
      topics: z.int(),
      /** Conversations whose units are still being made. */
      pending: z.int(),
      providers: z.array(z.object({ provider: z.string(), conversations: z.int() })),
    }),
    errors: [],
    examples: [{ title: 'Counts', params: {} }],
  }),
}
