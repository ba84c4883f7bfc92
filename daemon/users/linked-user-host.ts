import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { methodOf, type Params, type Result, type UserMethodName } from '../../schema/methods/index.ts'
import type { ReplicaAction, ReplicaActions } from '../vault/replica.ts'
import type { EngineThread } from './engine-thread.ts'
import type { UserCall } from './user-engine.ts'
import type { UserHost, UserHostOptions } from './user-host.ts'
import { type FromEngine, type ToEngine, transferables } from './user-messages.ts'
import { type Answering, WaitingCalls } from './waiting-calls.ts'

const CLOSE_BUDGET_MS = 10_000
const PROBE_MS = 5_000
/** Actions that may read every row, in pieces, and how long they may take. */
const READS_ALL: ReadonlySet<ReplicaAction> = new Set([
  'auditMeasure',
  'auditSplit',
  'auditCompare',
  'audited',
])
const READ_ALL_MS = 600_000
const MOVES_DATA: ReadonlySet<ReplicaAction> = new Set(['read', 'apply', 'readBlob', 'storeBlobPiece'])

/** The main thread's side of a link to a user's engine: the same for an engine in this thread and in a worker. */
export class LinkedUserHost implements UserHost {
  readonly #thread: EngineThread
  readonly #options: UserHostOptions
  readonly #waiting = new WaitingCalls()
  readonly #opened = Promise.withResolvers<void>()
  readonly #ended = Promise.withResolvers<void>()
  #closing: Promise<void> | undefined
  #open = true
  #wasOpened = false
  #pendingWork = false
  #lastUsedAt: number

  private constructor(thread: EngineThread, options: UserHostOptions) {
    this.#thread = thread
    this.#options = options
    this.#lastUsedAt = options.now()
    thread.listen(
      (message) => this.#receive(message),
      (reason) => this.#die(reason),
    )
  }

  /** Resolves when the engine is open; throws what it threw. */
  static async open(thread: EngineThread, options: UserHostOptions): Promise<LinkedUserHost> {
    const host = new LinkedUserHost(thread, options)
    try {
      await host.#opened.promise
      return host
    } catch (error) {
      host.#open = false
      await thread.stop()
      throw error
    }
  }

  get open(): boolean {
    return this.#open
  }

  get busy(): boolean {
    return this.#waiting.size > 0 || this.#pendingWork
  }

  get lastUsedAt(): number {
    return this.#lastUsedAt
  }

  async call<M extends UserMethodName>(method: M, params: Params<M>, call: UserCall): Promise<Result<M>> {
    const { maxSecurityLevel, mayReadPaths, signal } = call
    const deadlineMs = this.#options.deadlineOf?.(method) ?? methodOf(method).timeoutMs ?? LIMITS.userCallMs
    this.#lastUsedAt = this.#options.now()
    try {
      const answer = await this.#ask(
        (id) => ({ type: 'call', id, method, params, maxSecurityLevel, mayReadPaths }),
        { signal, deadlineMs, progress: (progress) => call.progress(progress) },
      )
      return answer as Result<M>
    } finally {
      this.#lastUsedAt = this.#options.now()
    }
  }

  async replicate<A extends ReplicaAction>(
    action: A,
    params: Parameters<ReplicaActions[A]>[0],
  ): Promise<Awaited<ReturnType<ReplicaActions[A]>>> {
    const answer = await this.#ask((id) => ({ type: 'replicate', id, action, params }), {
      deadlineMs: READS_ALL.has(action) ? READ_ALL_MS : LIMITS.userCallMs,
    })
    // Notes about other devices are no use of the user: they would keep everyone open for ever.
    if (MOVES_DATA.has(action)) this.#lastUsedAt = this.#options.now()
    return answer as Awaited<ReturnType<ReplicaActions[A]>>
  }

  /** Not a use: a monitor that asks every few seconds must not keep everyone open. */
  async probe(): Promise<void> {
    await this.#ask((id) => ({ type: 'probe', id }), { deadlineMs: PROBE_MS })
  }

  close(budgetMs = CLOSE_BUDGET_MS): Promise<void> {
    this.#closing ??= this.#finish(budgetMs)
    return this.#closing
  }

  async #finish(budgetMs: number): Promise<void> {
    if (this.#open) {
      this.#open = false
      this.#waiting.failAll(
        new VivimError('UserUnavailable', 'That user is being closed.', { retryAfterMs: 1_000 }),
      )
      this.#post({ type: 'close' })
      const timeout = Promise.withResolvers<void>()
      const timer = setTimeout(timeout.resolve, budgetMs)
      await Promise.race([this.#ended.promise, timeout.promise])
      clearTimeout(timer)
    }
    await this.#thread.stop()
  }

  async #ask(message: (id: number) => ToEngine, answering: Answering): Promise<unknown> {
    if (!this.#open)
      throw new VivimError('UserUnavailable', 'That user is closed now.', { retryAfterMs: 250 })
    if (this.#waiting.size >= LIMITS.userQueue)
      throw new VivimError('RateLimited', 'Too many calls of this user wait.', { retryAfterMs: 250 })
    answering.signal?.throwIfAborted()
    const { id, answer } = this.#waiting.add(answering, (late, reason) =>
      this.#post({ type: 'abort', id: late, reason: reason.toObject() }),
    )
    try {
      this.#post(message(id))
    } catch (error) {
      this.#waiting.settle(id, { error })
    }
    return answer
  }

  #post(message: ToEngine): void {
    // What replication sends is still in use here: keys of devices, segments for two peers.
    this.#thread.post(message, message.type === 'replicate' ? [] : transferables(message))
  }

  #receive(message: FromEngine): void {
    if ('trace' in message) this.#options.log.error({ trace: message.trace }, "a user's engine failed")
    switch (message.type) {
      case 'opened':
        this.#wasOpened = true
        this.#opened.resolve()
        break
      case 'refused':
        this.#opened.reject(VivimError.fromObject(message.error))
        break
      case 'answer':
        this.#waiting.settle(message.id, { value: message.value })
        break
      case 'failure':
        this.#waiting.settle(message.id, { error: VivimError.fromObject(message.error) })
        break
      case 'progress':
        this.#waiting.progress(message.id, message.progress)
        break
      case 'pending':
        this.#pendingWork = message.pending
        this.#options.onPendingWork(message.pending)
        break
      case 'committed':
        this.#options.onCommitted(message.frontier, message.written)
        break
      case 'problem':
        this.#options.log.error(
          { part: message.part, code: message.error.code },
          'work in the background failed',
        )
        break
      case 'closed':
        this.#ended.resolve()
    }
  }

  #die(reason: string): void {
    this.#ended.resolve()
    if (!this.#open) return
    this.#open = false
    this.#options.log.error({ reason }, "a user's engine ended unexpectedly")
    const error = new VivimError('UserUnavailable', "The user's database is being opened again.", {
      retryAfterMs: 500,
    })
    this.#waiting.failAll(error)
    this.#opened.reject(error)
    if (this.#wasOpened) this.#options.onDeath()
  }
}
