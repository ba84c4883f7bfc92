import { VivimError } from '../../schema/errors.ts'
import type { ImportReport } from '../../schema/methods/capture.ts'
import type { Progress } from '../users/user-engine.ts'
import type { Pace } from '../vault/pace.ts'
import type { Vault } from '../vault/vault.ts'
import { planExport } from './export-plan.ts'
import {
  conversationsOfJob,
  findJob,
  insertJob,
  type JobRow,
  type JobState,
  listJobs,
  reportOf,
  type StoredSource,
  setJobState,
  unfinishedJobs,
} from './import-job-store.ts'
import { runImport, type StopReason } from './import-run.ts'
import { ProgressListeners } from './progress-listeners.ts'
import { type ImportSource, openSource } from './sources/open-source.ts'
import type { Source } from './sources/source.ts'
import { uuidV7 } from './uuid-v7.ts'

export interface ImportJobsOptions {
  readonly vault: Vault
  readonly random: (bytes: number) => Uint8Array
  /** The node's own folders: nothing is imported from them. */
  readonly privateFolders: readonly string[]
  /** Awaited between conversations. */
  readonly pace: Pace
  /** Something was stored that derivation should see. */
  wakeDerivation(): void
  /** Resolves when derivation has caught up with these conversations. */
  indexed(conversationIds: readonly string[], signal: AbortSignal): Promise<void>
  /** Told before a job is acknowledged, and again when none is left. */
  onBusy?(busy: boolean): void
  /** A failure nobody foresaw, for the log. */
  onUnexpected?(error: unknown): void
}

const SETTLED: ReadonlySet<JobState> = new Set(['done', 'failed', 'cancelled', 'paused'])

/** Imports, one at a time in the background. Each stored conversation is durable together with the job's position. */
export class ImportJobs {
  readonly #options: ImportJobsOptions
  readonly #progress: ProgressListeners
  readonly #queue: string[] = []
  readonly #settled = new Map<string, Set<() => void>>()
  #current: { readonly id: string; readonly stop: AbortController; reason?: StopReason } | undefined
  #working: Promise<void> | undefined
  #closed = false

  constructor(options: ImportJobsOptions) {
    this.#options = options
    this.#progress = new ProgressListeners(options.vault.now)
  }

  /** True while a job runs or waits to. */
  get busy(): boolean {
    return this.#working !== undefined
  }

  /** Looks at the source, then queues a job for it; answers the job's id once it would survive a crash. */
  async create(
    source: ImportSource,
    { provider, again }: { provider?: string | undefined; again: boolean },
  ): Promise<string> {
    this.#refuseWhenClosed()
    const { found, fingerprint } = await this.#lookAt(source, provider)
    this.#refuseWhenClosed()
    const { vault, random } = this.#options
    const now = vault.now()
    const id = uuidV7(now, random(10))
    const only = provider === undefined ? {} : { only: provider }
    const stored: StoredSource =
      'path' in source
        ? { kind: 'path', path: source.path, fingerprint, ...only }
        : { kind: 'data', fingerprint, ...only }
    const data = 'path' in source ? null : vault.seal('upload', source.data)
    vault.transact((tx) => insertJob(tx, { id, source: stored, data, provider: found, again, queuedAt: now }))
    this.#enqueue(id)
    return id
  }

  /** Opens a source as an import would. */
  open(source: ImportSource): Promise<Source> {
    return openSource(source, this.#options.privateFolders)
  }

  /** Goes on with what a stop or a crash left undone. */
  resumeAll(): void {
    for (const id of unfinishedJobs(this.#options.vault)) this.#enqueue(id)
  }

  report(id: string): ImportReport {
    return reportOf(this.#options.vault, this.#row(id))
  }

  /** Newest first. */
  list(filter: { state?: JobState | undefined; before?: string | undefined; limit: number }): ImportReport[] {
    return listJobs(this.#options.vault, filter).map((row) => reportOf(this.#options.vault, row))
  }

  onProgress(id: string, listener: (progress: Progress) => void): () => void {
    return this.#progress.listen(id, listener)
  }

  pause(id: string): JobState {
    return this.#stop(id, 'paused', ['queued', 'running'])
  }

  cancel(id: string): JobState {
    return this.#stop(id, 'cancelled', ['queued', 'running', 'paused', 'failed'])
  }

  /** Continues a paused job, and tries a failed one again from where it stopped. */
  resume(id: string): JobState {
    const { state } = this.#row(id)
    if (state !== 'paused' && state !== 'failed') throw wrongState(state)
    this.#setState(id, 'queued')
    this.#enqueue(id)
    return 'queued'
  }

  /**
   * Resolves when the job has stopped (done, failed, cancelled or paused), and for `indexed` when derivation has
   * caught up with what it stored. An abort ends the waiting, not the job.
   */
  async wait(id: string, until: 'stored' | 'indexed', signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!SETTLED.has(this.#row(id).state)) {
      this.#refuseWhenClosed()
      await this.#settles(id, signal)
    }
    if (until === 'stored') return
    const { position, total } = this.#row(id)
    const progress = { jobId: id, done: position, ...(total === null ? {} : { total }), stage: 'indexing' }
    this.#progress.tell(progress, true)
    await this.#options.indexed(conversationsOfJob(this.#options.vault, id), signal)
    this.#progress.tell({ ...progress, stage: 'done' }, true)
    this.#progress.forget(id)
  }

  /** Stops at the next conversation; unfinished jobs go on after the next start. */
  async close(): Promise<void> {
    this.#closed = true
    this.#halt('closed')
    await this.#working
    for (const tell of [...this.#settled.values()].flatMap((set) => [...set])) tell()
  }

  async #lookAt(source: ImportSource, provider?: string): Promise<{ found: string; fingerprint: string }> {
    const opened = await this.open(source)
    try {
      const plan = await planExport(opened, provider)
      return { found: plan.provider.name, fingerprint: opened.fingerprint }
    } finally {
      await opened.close()
    }
  }

  #stop(id: string, state: 'paused' | 'cancelled', from: readonly JobState[]): JobState {
    const row = this.#row(id)
    if (!from.includes(row.state)) throw wrongState(row.state)
    this.#setState(id, state)
    const waiting = this.#queue.indexOf(id)
    if (waiting !== -1) this.#queue.splice(waiting, 1)
    if (this.#current?.id === id) this.#halt(state)
    else this.#tellSettled(id)
    return state
  }

  #halt(reason: StopReason): void {
    if (!this.#current) return
    this.#current.reason ??= reason
    this.#current.stop.abort()
  }

  #enqueue(id: string): void {
    if (this.#queue.includes(id)) return
    this.#queue.push(id)
    if (this.#working) return
    this.#options.onBusy?.(true)
    this.#working = this.#work()
  }

  async #work(): Promise<void> {
    // What called goes first: its answer names the job.
    await new Promise((resolve) => setImmediate(resolve))
    for (let id = this.#queue.shift(); id !== undefined && !this.#closed; id = this.#queue.shift()) {
      const current = { id, stop: new AbortController() }
      this.#current = current
      await this.#run(id, current)
      this.#current = undefined
      this.#tellSettled(id)
      this.#progress.forget(id)
    }
    this.#working = undefined
    if (!this.#closed) this.#options.onBusy?.(false)
  }

  async #run(id: string, current: { readonly stop: AbortController; reason?: StopReason }): Promise<void> {
    try {
      this.#setState(id, 'running')
      const complete = await runImport(this.#row(id), {
        ...this.#options,
        signal: current.stop.signal,
        tell: (progress, always) => this.#progress.tell(progress, always),
        openSource: (source) => this.open(source),
      })
      if (complete && (current.reason ?? 'closed') === 'closed') this.#setState(id, 'done')
    } catch (error) {
      const known = error instanceof VivimError ? error : new VivimError('Internal')
      if (known !== error) this.#options.onUnexpected?.(error)
      this.#tryToFail(id, known)
    }
  }

  /** On a full disk even the failure cannot be written: the job then goes on after the next start. */
  #tryToFail(id: string, error: VivimError): void {
    try {
      const { code, message } = error
      this.#options.vault.transact((tx) =>
        setJobState(tx, id, 'failed', this.#options.vault.now(), { code, message }),
      )
    } catch (second) {
      this.#options.onUnexpected?.(second)
    }
  }

  #settles(id: string, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiting = this.#settled.get(id) ?? new Set()
      this.#settled.set(id, waiting)
      const leave = () => {
        waiting.delete(tell)
        if (waiting.size === 0) this.#settled.delete(id)
        signal.removeEventListener('abort', abort)
      }
      const tell = () => {
        leave()
        if (this.#closed)
          reject(
            new VivimError('UserUnavailable', "The user's database was closed; the import goes on later."),
          )
        else resolve()
      }
      const abort = () => {
        leave()
        reject(signal.reason)
      }
      waiting.add(tell)
      signal.addEventListener('abort', abort)
    })
  }

  #tellSettled(id: string): void {
    for (const tell of [...(this.#settled.get(id) ?? [])]) tell()
  }

  #setState(id: string, state: JobState): void {
    const { vault } = this.#options
    vault.transact((tx) => setJobState(tx, id, state, vault.now()))
  }

  #row(id: string): JobRow {
    const row = findJob(this.#options.vault, id)
    if (!row) throw new VivimError('NotFound', 'There is no such import job.', { field: 'jobId' })
    return row
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new VivimError('UserUnavailable')
  }
}

function wrongState(state: JobState): VivimError {
  return new VivimError('Conflict', `The job is ${state}.`)
}
