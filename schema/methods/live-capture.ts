import { z } from 'zod'
import { CaptureMessage } from '../capture.ts'
import { LIMITS } from '../limits.ts'
import { defineMethod, Id, listOf, Millis, NoParams, Page } from './method.ts'

const Captured = z.object({
  conversationId: z.string(),
  created: z.boolean(),
  messagesAdded: z.int(),
  version: z.int(),
})

const Watch = z.object({
  watchId: z.string(),
  path: z.string(),
  provider: z.string().nullable(),
  createdAt: Millis,
  /** When all of it was read last; null: not yet. */
  lookedAt: Millis.nullable(),
  /** Files read so far. */
  files: z.int(),
  /** Conversations that were new, and that changed, since the watch began. */
  created: z.int(),
  updated: z.int(),
  /** Why the last look failed. */
  error: z.string().nullable(),
})
export type Watch = z.infer<typeof Watch>

export const liveCaptureMethods = {
  'capture.watch': defineMethod({
    summary:
      'Follow a folder: what is written there is captured, also after a restart. On the owner’s socket only.',
    access: 'write',
    params: z.strictObject({
      path: z.string().min(1).max(4_096),
      /** Take only files of this provider. */
      provider: z.string().max(64).optional(),
    }),
    result: Watch,
    errors: ['NotFound', 'InvalidParams', 'Forbidden', 'Conflict', 'TooLarge', 'Exhausted'],
    examples: [],
    positional: ['path'],
  }),
  'capture.watches.list': defineMethod({
    summary: 'List the folders that are followed.',
    access: 'read',
    params: NoParams,
    result: z.object({ items: z.array(Watch) }),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'capture.watches.remove': defineMethod({
    summary: 'Follow a folder no longer; what was captured stays.',
    access: 'write',
    params: z.strictObject({ watchId: Id }),
    result: z.object({ watchId: z.string(), removed: z.boolean() }),
    errors: ['NotFound'],
    examples: [],
    positional: ['watchId'],
  }),
  'capture.link': defineMethod({
    summary: 'Fetch a share link from the provider’s own host, and store the conversation it shows.',
    access: 'write',
    params: z.strictObject({
      url: z.url().max(4_000),
      /** Capture it although it was erased before. */
      again: z.boolean().default(false),
    }),
    result: Captured.extend({ provider: z.string() }),
    errors: [
      'InvalidParams',
      'Forbidden',
      'NotFound',
      'Conflict',
      'TooLarge',
      'Unavailable',
      'Corrupt',
      'StorageFull',
    ],
    examples: [],
    positional: ['url'],
    timeoutMs: 60_000,
  }),
  'capture.attempts': defineMethod({
    summary: 'List what was captured and what failed, newest first.',
    access: 'admin',
    params: z.strictObject({ ...Page }),
    result: listOf(
      z.object({
        at: Millis,
        provider: z.string().nullable(),
        status: z.enum(['created', 'updated', 'unchanged', 'failed']),
        error: z.string().nullable(),
        conversationId: z.string().nullable(),
        jobId: z.string().nullable(),
        /** Of a share link. */
        url: z.string().nullable(),
      }),
    ),
    errors: [],
    examples: [{ title: 'Latest', params: { limit: 10 } }],
  }),
  'capture.stats': defineMethod({
    summary: 'Count captures by provider.',
    access: 'read',
    params: NoParams,
    result: z.object({
      items: z.array(
        z.object({
          provider: z.string(),
          attempts: z.int(),
          created: z.int(),
          updated: z.int(),
          unchanged: z.int(),
          failed: z.int(),
          lastAt: Millis,
        }),
      ),
    }),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'conversations.attachment': defineMethod({
    summary: 'Give a piece of a picture or a file that a message names by `blob`.',
    access: 'read',
    params: z.strictObject({
      id: Id,
      blob: z.string().regex(/^[0-9a-f]{64}$/, 'a SHA-256 in hex'),
      offset: z.int().min(0).default(0),
    }),
    result: z.object({
      /** Base64; the rest begins at `offset` plus its bytes. */
      data: z.string(),
      offset: z.int(),
      sizeBytes: z.int(),
    }),
    errors: ['NotFound', 'Forbidden', 'Corrupt'],
    examples: [],
    positional: ['id', 'blob'],
  }),
  'conversations.append': defineMethod({
    summary: 'Add messages to a conversation while it goes on; begins it when there is none.',
    access: 'write',
    params: z
      .strictObject({
        /** A conversation that is stored. */
        id: Id.optional(),
        /** Or the name under which an app knows it. */
        provider: z
          .string()
          .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'lower-case letters, digits, dot, dash; 64 at most')
          .optional(),
        originalId: z.string().min(1).max(500).optional(),
        /** Of a conversation that begins. */
        title: z.string().max(LIMITS.titleCharacters).optional(),
        model: z.string().max(LIMITS.nameCharacters).optional(),
        /**
         * The first one follows the last message of the shown branch unless it names its parent. A message sent again
         * under its `id` is not added twice.
         */
        messages: z.array(CaptureMessage).min(1).max(LIMITS.appendMessages),
        wait: z.enum(['stored', 'indexed']).default('stored'),
      })
      .refine(
        ({ id, provider, originalId }) =>
          id === undefined
            ? provider !== undefined && originalId !== undefined
            : provider === undefined && originalId === undefined,
        { message: 'give either id, or provider and originalId', path: ['id'] },
      ),
    result: Captured,
    errors: ['NotFound', 'Conflict', 'TooLarge', 'StorageFull'],
    examples: [
      {
        title: 'One turn',
        params: {
          provider: 'my-app',
          originalId: 'live-1',
          title: 'Oolong',
          messages: [
            { id: 'm1', role: 'user', parts: [{ type: 'text', content: 'And for oolong?' }] },
            { id: 'm2', role: 'assistant', parts: [{ type: 'text', content: 'About 85 °C.' }] },
          ],
        },
      },
    ],
  }),
}
