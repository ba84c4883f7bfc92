import { z } from 'zod'
import { defineMethod, Id, listOf, Millis, Page, SecurityLevel } from './method.ts'

export const UNIT_TYPES = [
  'statement',
  'question',
  'answer',
  'code_snippet',
  'instruction',
  'explanation',
  'decision',
  'plan',
  'preference',
  'fact',
  'definition',
  'list',
  'table',
  'formula',
  'quote',
  'error',
  'command',
  'reference',
  'reasoning',
] as const
export type UnitType = (typeof UNIT_TYPES)[number]

export const UNIT_CATEGORIES = ['technical', 'procedural', 'personal', 'creative', 'conceptual'] as const
export type UnitCategory = (typeof UNIT_CATEGORIES)[number]

export const LINK_RELATIONS = ['NEXT_STEP', 'ANSWERS'] as const

export const UnitItem = z.object({
  id: z.string(),
  type: z.enum(UNIT_TYPES),
  category: z.enum(UNIT_CATEGORIES),
  content: z.string(),
  language: z.string().optional(),
  qualityScore: z.int(),
  securityLevel: SecurityLevel,
  isPersonal: z.boolean(),
  state: z.enum(['DORMANT', 'ACTIVE', 'ARCHIVED']),
  /** Where it first occurs: message and UTF-16 offsets in the content of that part. */
  conversationId: z.string(),
  messageId: z.string(),
  part: z.int(),
  start: z.int(),
  end: z.int(),
})
export type UnitItem = z.infer<typeof UnitItem>

const Occurrence = z.object({
  conversationId: z.string(),
  messageId: z.string(),
  part: z.int(),
  start: z.int(),
  end: z.int(),
  heading: z.string().nullable(),
  role: z.string(),
  createdAt: Millis.nullable(),
})

const Link = z.object({
  id: z.string(),
  sourceId: z.string(),
  targetId: z.string(),
  relation: z.enum(LINK_RELATIONS),
  weight: z.number(),
  rule: z.string(),
  evidence: z.array(z.object({ sourceMessageId: z.string(), targetMessageId: z.string() })),
})

export const TopicItem = z.object({
  id: z.string(),
  label: z.string(),
  terms: z.array(z.string()),
  unitCount: z.int(),
  conversationCount: z.int(),
  lastSeenAt: Millis.nullable(),
})
export type TopicItem = z.infer<typeof TopicItem>

export const knowledgeMethods = {
  'acus.list': defineMethod({
    summary: 'List Atomic Chat Units.',
    access: 'read',
    params: z.strictObject({
      ...Page,
      conversationId: Id.optional(),
      topicId: Id.optional(),
      type: z.enum(UNIT_TYPES).optional(),
      minQuality: z.int().min(0).max(100).optional(),
      maxSecurityLevel: SecurityLevel.optional(),
    }),
    result: listOf(UnitItem),
    errors: ['NotFound'],
    examples: [
      { title: 'Of a conversation', params: { conversationId: '$conversationId' } },
      { title: 'Good code', params: { type: 'code_snippet', minQuality: 60 } },
    ],
    positional: ['conversationId'],
  }),
  'acus.get': defineMethod({
    summary: 'Give a unit with every place it occurs and its links.',
    access: 'read',
    params: z.strictObject({ id: Id }),
    result: UnitItem.extend({
      occurrences: z.array(Occurrence),
      links: z.array(Link),
      topics: z.array(z.object({ id: z.string(), label: z.string() })),
    }),
    errors: ['NotFound'],
    examples: [{ title: 'One', params: { id: '$unitId' } }],
    positional: ['id'],
  }),
  'acus.explain': defineMethod({
    summary: 'Say which rules gave a unit its type, category, quality and security level.',
    access: 'read',
    params: z.strictObject({ id: Id }),
    result: z.object({
      id: z.string(),
      extractorVersion: z.int(),
      occurrences: z.array(
        z.object({
          messageId: z.string(),
          rules: z.array(z.object({ rule: z.string(), effect: z.string() })),
        }),
      ),
    }),
    errors: ['NotFound'],
    examples: [{ title: 'Why', params: { id: '$unitId' } }],
    positional: ['id'],
  }),
  'topics.list': defineMethod({
    summary: 'List topics, largest first.',
    access: 'read',
    params: z.strictObject({ ...Page }),
    result: listOf(TopicItem),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'topics.get': defineMethod({
    summary: 'Give a topic with its evidence: the units and conversations it rests on.',
    access: 'read',
    params: z.strictObject({ id: Id }),
    result: TopicItem.extend({
      firstSeenAt: Millis.nullable(),
      conversations: z.array(z.object({ id: z.string(), title: z.string(), unitCount: z.int() })),
      units: z.array(UnitItem.extend({ weight: z.number() })),
    }),
    errors: ['NotFound'],
    examples: [{ title: 'One', params: { id: '$topicId' } }],
    positional: ['id'],
  }),
}
