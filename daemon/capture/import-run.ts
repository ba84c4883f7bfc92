import { VivimError } from '../../schema/errors.ts'
import type { Progress } from '../users/user-engine.ts'
import type { Pace } from '../vault/pace.ts'
import type { Vault, VaultTransaction } from '../vault/vault.ts'
import { ArchiveFiles } from './archive-files.ts'
import { planExport } from './export-plan.ts'
import { countElements, type ExportItem, readExport } from './export-reader.ts'
import {
  type Advance,
  addError,
  advanceJob,
  countSkipped,
  type JobRow,
  restartJob,
  type StoredSource,
  setJobTotal,
  setSkipped,
  uploadOf,
} from './import-job-store.ts'
import { knownElement, rawTag } from './known-elements.ts'
import { type CaptureResult, captureConversation, isErasedConflict, recordAttempt } from './pipeline.ts'
import type { ImportSource } from './sources/open-source.ts'
import type { Source } from './sources/source.ts'

/** Why a job stops before its end. */
export type StopReason = 'paused' | 'cancelled' | 'closed'

export interface ImportRun {
  readonly vault: Vault
  readonly pace: Pace
  /** Aborted when the job is to stop at the next conversation. */
  readonly signal: AbortSignal
  openSource(source: ImportSource): Promise<Source>
  tell(progress: Progress, always?: boolean): void
  wakeDerivation(): void
  onUnexpected?(error: unknown): void
}

/** Failures of the vault itself: going on would fail every conversation. */
const FATAL = new Set(['StorageFull', 'UserUnavailable', 'Corrupt'])

/**
 * Reads a job's source from its position on; answers false when it was stopped before the end. Throws what ends the
 * job; everything else is a line of its report.
 */
export async function runImport(job: JobRow, run: ImportRun): Promise<boolean> {
  const { vault, signal } = run
  const source = await run.openSource(sourceOf(vault, job))
  try {
    const stored: StoredSource = JSON.parse(job.source_json)
    const isSame = stored.fingerprint === source.fingerprint
    if (!isSame)
      vault.transact((tx) => restartJob(tx, job.id, { ...stored, fingerprint: source.fingerprint }))
    const plan = await planExport(source, stored.only)
    const total = (isSame ? job.total : null) ?? (await counted(run, job.id, source, plan))
    let done = isSame ? job.position : 0
    const progress = () => ({ jobId: job.id, done, total, stage: 'storing' })
    if (signal.aborted) return false
    run.tell(progress(), true)
    for await (const item of readExport(source, plan, {
      skip: done,
      files: new ArchiveFiles(source),
      known: (provider, raw) => knownElement(vault, vault.space, rawTag(vault, provider, raw)),
    })) {
      if (signal.aborted) return false
      if (item.kind === 'damaged')
        vault.transact((tx) => addError(tx, job.id, item.where, 'Corrupt', item.message))
      else if (item.kind === 'others') vault.transact((tx) => setSkipped(tx, job.id, item.reason, item.count))
      else {
        store(run, job, item)
        done++
        run.wakeDerivation()
        run.tell(progress())
      }
      await run.pace()
    }
    run.tell({ ...progress(), stage: 'stored' }, true)
    return true
  } finally {
    await source.close()
  }
}

function sourceOf(vault: Vault, job: JobRow): ImportSource {
  const stored: StoredSource = JSON.parse(job.source_json)
  if (stored.kind === 'path') return { path: stored.path }
  const sealed = uploadOf(vault, job.id)
  if (!sealed) throw new VivimError('NotFound', 'The uploaded file is no longer there.')
  return { data: Buffer.from(vault.unseal('upload', sealed)) }
}

async function counted(
  { vault, signal }: ImportRun,
  jobId: string,
  source: Source,
  plan: Awaited<ReturnType<typeof planExport>>,
): Promise<number> {
  const total = await countElements(source, plan, signal)
  if (!signal.aborted) vault.transact((tx) => setJobTotal(tx, jobId, total))
  return total
}

type Element = Exclude<ExportItem, { kind: 'damaged' | 'others' }>

/** Stores one element and moves the job's position in one transaction, or counts the failure in another. */
function store(run: ImportRun, job: JobRow, item: Element): void {
  const { vault } = run
  try {
    vault.transact((tx) => storeElement(tx, vault, job, item))
  } catch (error) {
    const known =
      error instanceof VivimError ? error : new VivimError('Internal', 'This entry could not be stored.')
    if (FATAL.has(known.code)) throw error
    if (known !== error) run.onUnexpected?.(error)
    vault.transact((tx) => {
      if (isErasedConflict(known)) countSkipped(tx, job.id, 'erased')
      else fail(tx, vault, job, item, known)
      advanceJob(tx, job.id, isErasedConflict(known) ? {} : { failed: 1 })
    })
  }
}

function storeElement(tx: VaultTransaction, vault: Vault, job: JobRow, item: Element): void {
  if (item.kind === 'known') {
    const { provider, conversationId } = item
    const capturedAt = vault.now()
    recordAttempt(tx, { capturedAt, provider, status: 'unchanged', conversationId, jobId: job.id })
    advanceJob(tx, job.id, { unchanged: 1 })
    return
  }
  if (item.kind === 'broken') {
    fail(tx, vault, job, item, new VivimError(item.code, item.message))
    advanceJob(tx, job.id, { failed: 1 })
    return
  }
  const { conversations, skipped, notes } = item.parsed
  const isAll = conversations.length === 1 && skipped.length === 0
  const results = conversations.map((conversation) =>
    captureConversation(tx, vault, conversation, {
      again: job.again === 1,
      capturedAt: vault.now(),
      jobId: job.id,
      raw: item.raw,
      ...(isAll ? { rawTag: rawTag(vault, item.provider, item.raw) } : {}),
    }),
  )
  for (const reason of skipped) countSkipped(tx, job.id, reason)
  // Notes on what is stored already were counted when it was stored.
  const changed = results.filter(({ status }) => status !== 'unchanged')
  if (changed.length > 0)
    for (const note of [...notes, ...changed.flatMap((result) => result.notes)])
      countSkipped(tx, job.id, note)
  advanceJob(tx, job.id, advanceOf(results))
}

function fail(tx: VaultTransaction, vault: Vault, job: JobRow, item: Element, error: VivimError): void {
  if (item.kind === 'known') return
  addError(tx, job.id, item.where, error.code, error.message)
  recordAttempt(tx, {
    capturedAt: vault.now(),
    provider: item.provider,
    status: 'failed',
    errorCode: error.code,
    jobId: job.id,
  })
}

function advanceOf(results: readonly CaptureResult[]): Advance {
  const count = (status: CaptureResult['status']) =>
    results.filter((result) => result.status === status).length
  return {
    created: count('created'),
    updated: count('updated'),
    unchanged: count('unchanged'),
    messages: results.reduce((sum, { messagesAdded }) => sum + messagesAdded, 0),
  }
}
