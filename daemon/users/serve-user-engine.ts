import type { MessagePort } from 'node:worker_threads'
import { VivimError } from '../../schema/errors.ts'
import type { Params } from '../../schema/methods/index.ts'
import { IdleMemory } from './idle-memory.ts'
import type { UserEngine } from './user-engine.ts'
import type { EngineListeners, OpenUserEngine, UserEngineOptions } from './user-engine-options.ts'
import { describeError, type FromEngine, type ToEngine, transferables } from './user-messages.ts'

/**
 * The engine's side of a link: opens it, answers calls until it is told to close, and resolves once the files are
 * closed. Never throws: what fails is told to the other side.
 */
export async function serveUserEngine(
  port: MessagePort,
  options: Omit<UserEngineOptions, EngineListeners>,
  openEngine: OpenUserEngine,
): Promise<void> {
  const send = (message: FromEngine) => port.postMessage(message, transferables(message))
  let engine: UserEngine
  try {
    engine = await openEngine({
      ...options,
      onPendingWork: (pending) => send({ type: 'pending', pending }),
      onCommitted: (frontier, written) => send({ type: 'committed', frontier, written }),
      onProblem: (part, error) => send({ type: 'problem', part, ...describeError(error) }),
    })
  } catch (error) {
    send({ type: 'refused', ...describeError(error) })
    return
  }
  await new Promise<void>((resolve) => {
    const service = new EngineService(engine, send, resolve)
    port.on('message', (message: ToEngine) => service.handle(message))
    send({ type: 'opened' })
  })
}

class EngineService {
  readonly #engine: UserEngine
  readonly #send: (message: FromEngine) => void
  readonly #onClosed: () => void
  readonly #calls = new Map<number, AbortController>()
  readonly #memory: IdleMemory
  #closing = false

  constructor(engine: UserEngine, send: (message: FromEngine) => void, onClosed: () => void) {
    this.#engine = engine
    this.#send = send
    this.#onClosed = onClosed
    this.#memory = new IdleMemory({
      isBusy: () => this.#calls.size > 0 || this.#worksOn(),
      collect: globalThis.gc,
      now: () => performance.now(),
    })
  }

  handle(message: ToEngine): void {
    if (message.type === 'abort') this.#calls.get(message.id)?.abort(VivimError.fromObject(message.reason))
    else if (message.type === 'close') void this.#close()
    else void this.#answer(message)
  }

  async #answer(message: Extract<ToEngine, { id: number }>): Promise<void> {
    const { id } = message
    try {
      if (this.#closing) throw new VivimError('UserUnavailable')
      const value = await this.#valueOf(message)
      this.#send({ type: 'answer', id, value })
    } catch (error) {
      this.#send({ type: 'failure', id, ...describeError(error) })
    }
    if (message.type !== 'probe') this.#memory.used()
  }

  #valueOf(message: Extract<ToEngine, { id: number }>): unknown {
    if (message.type === 'call') return this.#call(message)
    if (message.type === 'replicate') return this.#replicate(message)
    return this.#engine.probe()
  }

  #replicate({ action, params }: Extract<ToEngine, { type: 'replicate' }>): unknown {
    const act = this.#engine.replica[action] as (params: unknown) => unknown
    return act(params)
  }

  async #call(message: Extract<ToEngine, { type: 'call' }>): Promise<unknown> {
    const { id, method, maxSecurityLevel, mayReadPaths } = message
    const controller = new AbortController()
    this.#calls.set(id, controller)
    try {
      return await this.#engine.call(method, message.params as Params<typeof method>, {
        maxSecurityLevel,
        mayReadPaths,
        signal: controller.signal,
        progress: (progress) => this.#send({ type: 'progress', id, progress }),
      })
    } finally {
      this.#calls.delete(id)
    }
  }

  /** A damaged database cannot tell: its thread is left alone. */
  #worksOn(): boolean {
    try {
      return this.#engine.busy
    } catch {
      return true
    }
  }

  async #close(): Promise<void> {
    if (this.#closing) return
    this.#closing = true
    this.#memory.close()
    for (const call of this.#calls.values()) call.abort(new VivimError('UserUnavailable'))
    try {
      await this.#engine.close()
      this.#send({ type: 'closed' })
    } catch (error) {
      this.#send({ type: 'closed', ...describeError(error) })
    }
    this.#onClosed()
  }
}
