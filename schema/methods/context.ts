import { z } from 'zod'
import { LIMITS } from '../limits.ts'
import { defineMethod, Id, Millis, SecurityLevel } from './method.ts'

export const SEARCH_KINDS = ['conversation', 'message', 'unit', 'topic'] as const

export const TOKENIZERS = ['o200k_base', 'cl100k_base'] as const
export type TokenizerName = (typeof TOKENIZERS)[number]

const Why = z.array(z.object({ term: z.string(), value: z.number() }))

export const SearchItem = z.object({
  kind: z.enum(SEARCH_KINDS),
  id: z.string(),
  messageId: z.string().nullable(),
  originalMessageId: z.string().nullable(),
  conversationId: z.string().nullable(),
  score: z.number(),
  text: z.string(),
  date: Millis.nullable(),
  why: Why.optional(),
})
export type SearchItem = z.infer<typeof SearchItem>

export const LAYERS = ['L0', 'L1', 'L2', 'L3', 'L4', 'L5', 'L6', 'L7'] as const
export type LayerName = (typeof LAYERS)[number]

export const ContextBundle = z.object({
  text: z.string(),
  /** Tokens of `text`, counted with `tokenizer`; never above `maxTokens`. */
  tokens: z.int(),
  maxTokens: z.int(),
  tokenizer: z.enum(TOKENIZERS),
  layers: z.array(z.object({ layer: z.enum(LAYERS), tokens: z.int(), budget: z.int() })),
  items: z.array(
    z.object({
      /** The handle in the text: `[c1]`. */
      citation: z.string(),
      kind: z.enum(['unit', 'topic', 'message']),
      id: z.string(),
      messageId: z.string().nullable(),
      originalMessageId: z.string().nullable(),
      conversationId: z.string().nullable(),
      date: Millis.nullable(),
      layer: z.enum(LAYERS),
      score: z.number(),
      tokens: z.int(),
      why: Why,
      securityLevel: SecurityLevel,
    }),
  ),
  dropped: z.array(z.object({ id: z.string(), reason: z.string() })),
  warnings: z.array(z.string()),
  /** SHA-256 (hex) of the stable beginning of `text`: equal as long as its sources are. */
  prefixHash: z.string(),
  engineVersion: z.string(),
  /** Changes when the facts this context can rest on change. */
  epoch: z.string(),
})
export type ContextBundle = z.infer<typeof ContextBundle>

export const contextMethods = {
  'search.query': defineMethod({
    summary: 'Find units, messages, conversations and topics by their words.',
    access: 'read',
    params: z.strictObject({
      query: z.string().min(1).max(LIMITS.queryCharacters),
      limit: z.int().min(1).max(LIMITS.listMax).default(LIMITS.searchDefault),
      kinds: z.array(z.enum(SEARCH_KINDS)).min(1).max(SEARCH_KINDS.length).optional(),
      from: Millis.optional(),
      to: Millis.optional(),
      includeArchived: z.boolean().default(false),
      explain: z.boolean().default(false),
    }),
    result: z.object({
      items: z.array(SearchItem),
      /** The best hit shares little with the query. */
      weak: z.boolean(),
    }),
    errors: [],
    examples: [
      { title: 'Words', params: { query: 'green tea' } },
      {
        title: 'Messages only, with reasons',
        params: { query: 'green tea', kinds: ['message'], explain: true },
      },
    ],
    positional: ['query'],
  }),
  'context.compile': defineMethod({
    summary: 'Compile cited context for a message into a token budget.',
    access: 'read',
    params: z.strictObject({
      message: z.string().min(1).max(LIMITS.queryCharacters),
      conversationId: Id.optional(),
      maxTokens: z.int().min(1).max(LIMITS.contextTokensMax).default(LIMITS.contextTokensDefault),
      tokenizer: z.enum(TOKENIZERS).default('o200k_base'),
      maxSecurityLevel: SecurityLevel.default(2),
    }),
    result: ContextBundle,
    errors: ['NotFound'],
    examples: [
      { title: 'A question', params: { message: 'How hot should the water for green tea be?' } },
      { title: 'A small budget', params: { message: 'green tea?', maxTokens: 200 } },
    ],
    positional: ['message'],
  }),
}
