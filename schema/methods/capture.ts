import { z } from 'zod'
import { CaptureConversation } from '../capture.ts'
import { defineMethod, Id, listOf, Millis, NoParams, Page } from './method.ts'

export const JOB_STATES = ['queued', 'running', 'paused', 'done', 'failed', 'cancelled'] as const

export const ImportReport = z.object({
  jobId: z.string(),
  state: z.enum(JOB_STATES),
  provider: z.string().nullable(),
  /** Conversations in the source, once counted. */
  total: z.int().optional(),
  conversations: z.object({ created: z.int(), updated: z.int(), unchanged: z.int(), failed: z.int() }),
  messages: z.int(),
  units: z.int(),
  skipped: z.array(z.object({ reason: z.string(), count: z.int() })),
  errors: z.array(z.object({ where: z.string(), code: z.string(), message: z.string() })),
  queuedAt: Millis,
  finishedAt: Millis.nullable(),
})
export type ImportReport = z.infer<typeof ImportReport>

const Source = {
  /** A file or folder on the node's machine, absolute; on the owner's socket only. */
  path: z.string().min(1).max(4_096).optional(),
  /** The file's bytes, base64. */
  data: z.base64().optional(),
  provider: z.string().max(64).optional(),
}
const oneSource = (value: { path?: string | undefined; data?: string | undefined }) =>
  (value.path === undefined) !== (value.data === undefined)
const oneSourceMessage = { message: 'give either path or data', path: ['path'] }

const Detected = z.object({
  provider: z.string(),
  container: z.enum(['zip', 'folder', 'file']),
  /** True when real exports of this form were seen, not only its description. */
  validated: z.boolean(),
})

const Job = z.strictObject({ jobId: Id })
const JobResult = z.object({ jobId: z.string(), state: z.enum(JOB_STATES) })

export const captureMethods = {
  'capture.conversation': defineMethod({
    summary: 'Store one conversation; answers when it is durable.',
    access: 'write',
    params: z.strictObject({
      conversation: CaptureConversation,
      wait: z.enum(['stored', 'indexed']).default('stored'),
      /** Capture it although it was erased before. */
      again: z.boolean().default(false),
    }),
    result: z.object({
      conversationId: z.string(),
      created: z.boolean(),
      messagesAdded: z.int(),
      version: z.int(),
    }),
    errors: ['Conflict', 'TooLarge', 'StorageFull'],
    examples: [
      {
        title: 'Two messages',
        params: {
          conversation: {
            format: 'vivim.capture/1',
            provider: 'my-app',
            originalId: 'example-1',
            title: 'Green tea',
            createdAt: '2026-01-02T03:04:05Z',
            messages: [
              {
                id: 'm1',
                role: 'user',
                parts: [{ type: 'text', content: 'How hot should water for green tea be?' }],
              },
              {
                id: 'm2',
                role: 'assistant',
                parts: [{ type: 'text', content: 'About 75 °C; boiling water makes green tea bitter.' }],
              },
            ],
          },
          wait: 'indexed',
        },
      },
    ],
  }),
  'capture.providers': defineMethod({
    summary: 'List the sources this node can read.',
    access: 'read',
    params: NoParams,
    result: z.object({
      items: z.array(
        z.object({
          provider: z.string(),
          title: z.string(),
          containers: z.array(z.string()),
          validated: z.boolean(),
        }),
      ),
    }),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'capture.detect': defineMethod({
    summary: 'Say what a file is, by its structure.',
    access: 'read',
    params: z.strictObject({ path: Source.path, data: Source.data }).refine(oneSource, oneSourceMessage),
    result: Detected,
    errors: ['NotFound', 'InvalidParams', 'Forbidden', 'Corrupt'],
    examples: [{ title: 'A file', params: { path: '$path' } }],
    positional: ['path'],
  }),
  'capture.scan': defineMethod({
    summary: 'Count what an import would read, without storing anything.',
    access: 'read',
    params: z.strictObject(Source).refine(oneSource, oneSourceMessage),
    result: Detected.extend({
      conversations: z.int(),
      messages: z.int(),
      bytes: z.int(),
      from: Millis.nullable(),
      to: Millis.nullable(),
      skipped: z.array(z.object({ reason: z.string(), count: z.int() })),
      errors: z.array(z.object({ where: z.string(), code: z.string(), message: z.string() })),
    }),
    errors: ['NotFound', 'InvalidParams', 'Forbidden', 'Corrupt'],
    examples: [{ title: 'A file', params: { path: '$path' } }],
    positional: ['path'],
    timeoutMs: 600_000,
  }),
  'capture.import': defineMethod({
    summary: 'Import an export; a job that survives restarts. Sends `progress` notifications.',
    access: 'write',
    params: z
      .strictObject({
        ...Source,
        wait: z.enum(['queued', 'stored', 'indexed']).default('queued'),
        /** Capture conversations although they were erased before. */
        again: z.boolean().default(false),
      })
      .refine(oneSource, oneSourceMessage),
    result: z.object({ jobId: z.string(), report: ImportReport.optional() }),
    errors: ['NotFound', 'InvalidParams', 'Forbidden', 'Corrupt', 'TooLarge', 'StorageFull'],
    examples: [{ title: 'A file', params: { path: '$path', wait: 'indexed' } }],
    positional: ['path'],
    timeoutMs: 24 * 3_600_000,
  }),
  'capture.jobs.get': defineMethod({
    summary: 'Give the report of an import job.',
    access: 'read',
    params: Job,
    result: ImportReport,
    errors: ['NotFound'],
    examples: [{ title: 'One job', params: { jobId: '$jobId' } }],
    positional: ['jobId'],
  }),
  'capture.jobs.list': defineMethod({
    summary: 'List import jobs, newest first.',
    access: 'read',
    params: z.strictObject({ ...Page, state: z.enum(JOB_STATES).optional() }),
    result: listOf(ImportReport),
    errors: [],
    examples: [{ title: 'All', params: {} }],
  }),
  'capture.jobs.pause': defineMethod({
    summary: 'Pause a job; what it stored stays.',
    access: 'write',
    params: Job,
    result: JobResult,
    errors: ['NotFound', 'Conflict'],
    examples: [{ title: 'Pause', params: { jobId: '$jobId' } }],
    positional: ['jobId'],
  }),
  'capture.jobs.resume': defineMethod({
    summary: 'Continue a paused job, or try a failed one again.',
    access: 'write',
    params: Job,
    result: JobResult,
    errors: ['NotFound', 'Conflict'],
    examples: [{ title: 'Resume', params: { jobId: '$jobId' } }],
    positional: ['jobId'],
  }),
  'capture.jobs.cancel': defineMethod({
    summary: 'End a job; what it stored stays.',
    access: 'write',
    params: Job,
    result: JobResult,
    errors: ['NotFound', 'Conflict'],
    examples: [{ title: 'Cancel', params: { jobId: '$jobId' } }],
    positional: ['jobId'],
  }),
}
