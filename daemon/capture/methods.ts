import { VivimError } from '../../schema/errors.ts'
import type { Params, Result, UserMethodName } from '../../schema/methods/index.ts'
import type { UserCall, UserMethods } from '../users/user-engine.ts'
import type { Pace } from '../vault/pace.ts'
import { decodeCursor, pageOf } from '../vault/paging.ts'
import type { Vault } from '../vault/vault.ts'
import { planExport } from './export-plan.ts'
import type { ImportJobs } from './import-jobs.ts'
import type { LiveMethodName } from './live-methods.ts'
import { captureConversation, recordAttempt } from './pipeline.ts'
import { PROVIDERS } from './providers/index.ts'
import { scanExport } from './scan.ts'
import type { ImportSource } from './sources/open-source.ts'
import type { Source } from './sources/source.ts'

export type CaptureMethodName = Exclude<Extract<UserMethodName, `capture.${string}`>, LiveMethodName>

export interface CaptureDependencies {
  readonly vault: Vault
  readonly jobs: ImportJobs
  readonly pace: Pace
  /** Resolves when derivation has caught up with these conversations. */
  indexed(conversationIds: readonly string[], signal: AbortSignal): Promise<void>
  /** Says that the derivation queue has something. */
  wakeDerivation(): void
}

/** The `capture.*` methods of one user. */
export function captureMethods(deps: CaptureDependencies): UserMethods<CaptureMethodName> {
  const { jobs } = deps
  return {
    'capture.conversation': (params, call) => capture(deps, params, call),
    'capture.providers': () => ({ items: providerItems() }),
    'capture.detect': (params, call) =>
      withSource(deps, params, call, async (source) => {
        const { provider } = await planExport(source)
        return { provider: provider.name, container: source.kind, validated: provider.validated }
      }),
    'capture.scan': (params, call) =>
      withSource(deps, params, call, (source) =>
        scanExport(source, { provider: params.provider, pace: deps.pace, signal: call.signal }),
      ),
    'capture.import': (params, call) => startImport(deps, params, call),
    'capture.jobs.get': ({ jobId }) => jobs.report(jobId),
    'capture.jobs.list': ({ state, limit, cursor }) => {
      const before = cursor === undefined ? undefined : String(decodeCursor(cursor, 1)[0])
      const reports = jobs.list({ state, before, limit: limit + 1 })
      return pageOf(
        reports,
        limit,
        (report) => report,
        ({ jobId }) => [jobId],
      )
    },
    'capture.jobs.pause': ({ jobId }) => ({ jobId, state: jobs.pause(jobId) }),
    'capture.jobs.resume': ({ jobId }) => ({ jobId, state: jobs.resume(jobId) }),
    'capture.jobs.cancel': ({ jobId }) => ({ jobId, state: jobs.cancel(jobId) }),
  }
}

async function capture(
  deps: CaptureDependencies,
  { conversation, again, wait }: Params<'capture.conversation'>,
  call: UserCall,
): Promise<Result<'capture.conversation'>> {
  const { vault } = deps
  const capturedAt = vault.now()
  const { conversationId, status, created, messagesAdded, version } = attempt(() =>
    vault.transact((tx) => captureConversation(tx, vault, conversation, { again, capturedAt })),
  )
  if (status !== 'unchanged') deps.wakeDerivation()
  if (wait === 'indexed') await deps.indexed([conversationId], call.signal)
  return { conversationId, created, messagesAdded, version }

  function attempt<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      const errorCode = error instanceof VivimError ? error.code : 'Internal'
      if (errorCode !== 'StorageFull' && errorCode !== 'UserUnavailable')
        vault.transact((tx) =>
          recordAttempt(tx, { capturedAt, provider: conversation.provider, status: 'failed', errorCode }),
        )
      throw error
    }
  }
}

async function startImport(
  { jobs }: CaptureDependencies,
  params: Params<'capture.import'>,
  call: UserCall,
): Promise<Result<'capture.import'>> {
  const { provider, again, wait } = params
  const jobId = await jobs.create(sourceOf(params, call), { provider, again })
  if (wait === 'queued') return { jobId }
  const stopListening = jobs.onProgress(jobId, (progress) => call.progress(progress))
  try {
    await jobs.wait(jobId, wait, call.signal)
    return { jobId, report: jobs.report(jobId) }
  } finally {
    stopListening()
  }
}

async function withSource<T>(
  { jobs }: CaptureDependencies,
  params: { path?: string | undefined; data?: string | undefined },
  call: UserCall,
  work: (source: Source) => Promise<T>,
): Promise<T> {
  const source = await jobs.open(sourceOf(params, call))
  try {
    return await work(source)
  } finally {
    await source.close()
  }
}

function sourceOf(
  { path, data }: { path?: string | undefined; data?: string | undefined },
  call: UserCall,
): ImportSource {
  if (path === undefined) return { data: Buffer.from(data ?? '', 'base64') }
  if (!call.mayReadPaths)
    throw new VivimError('Forbidden', "Only the node owner's socket may name paths.", {
      field: 'path',
      hint: 'Send the file as `data`.',
    })
  return { path }
}

function providerItems(): Result<'capture.providers'>['items'] {
  const byName = Map.groupBy(PROVIDERS, ({ name }) => name)
  return [...byName].map(([provider, forms]) => ({
    provider,
    title: forms[0]!.title,
    containers: ['zip', 'folder', 'file'],
    validated: forms.some(({ validated }) => validated),
  }))
}
