import { z } from 'zod'
import { LIMITS } from './limits.ts'

/** What a message is made of, in source order: rendering the parts in order loses nothing. */
export const PART_TYPES = [
  'text',
  'code',
  'image',
  'latex',
  'table',
  'mermaid',
  'tool_call',
  'tool_result',
  'thought',
  'citation',
  'file',
] as const

export type PartType = (typeof PART_TYPES)[number]

export const ROLES = ['user', 'assistant', 'system', 'tool'] as const
export type Role = (typeof ROLES)[number]

/** One part. `content` is text; structured content (tool arguments, table cells) goes to `metadata`. */
export const Part = z.strictObject({
  type: z.enum(PART_TYPES),
  content: z.string().max(LIMITS.partCharacters).default(''),
  /** Of a `code` part, lower case: `ts`, `python`. */
  language: z.string().max(100).optional(),
  metadata: z.record(z.string(), z.json()).optional(),
})
export type Part = z.infer<typeof Part>

/** ISO 8601 with an offset, or integer milliseconds UTC. */
export const Instant = z.union([z.iso.datetime({ offset: true }), z.int().min(0).max(8_640_000_000_000_000)])

export const CaptureMessage = z.strictObject({
  /** The provider's own message id, when it has one. */
  id: z.string().min(1).max(500).optional(),
  /** The provider's id of the message this one follows; absent or null: the previous message of the list. */
  parentId: z.string().min(1).max(500).nullish(),
  role: z.enum(ROLES),
  author: z.string().max(LIMITS.nameCharacters).optional(),
  model: z.string().max(LIMITS.nameCharacters).optional(),
  createdAt: Instant.optional(),
  /** Kept, not shown, never read as the user's words. */
  hidden: z.boolean().optional(),
  parts: z.array(Part).max(10_000),
  metadata: z.record(z.string(), z.json()).optional(),
})
export type CaptureMessage = z.infer<typeof CaptureMessage>

/** `vivim.capture/1`: the one canonical form any app may send and every importer produces. */
export const CaptureConversation = z.strictObject({
  format: z.literal('vivim.capture/1'),
  /** Lower-case name of where the chat took place: `chatgpt`, `claude`, or an app's own. */
  provider: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'lower-case letters, digits, dot, dash; 64 at most'),
  sourceUrl: z.url().max(4_000).optional(),
  originalId: z.string().min(1).max(500).optional(),
  title: z.string().max(LIMITS.titleCharacters).nullish(),
  model: z.string().max(LIMITS.nameCharacters).optional(),
  createdAt: Instant.optional(),
  updatedAt: Instant.optional(),
  messages: z.array(CaptureMessage).min(1).max(LIMITS.conversationMessages),
  /** The last message of the branch to show; absent: the last message of the list. */
  currentMessageId: z.string().min(1).max(500).nullish(),
  metadata: z.record(z.string(), z.json()).optional(),
})
export type CaptureConversation = z.infer<typeof CaptureConversation>
