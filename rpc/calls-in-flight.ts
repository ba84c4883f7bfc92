import { VivimError } from '../schema/errors.ts'
import type { RequestId } from './types.ts'

/** One running call: its signal, and the race between its work and that signal. */
export interface CallInFlight {
  readonly signal: AbortSignal
  /** Settles with the work, or rejects with the signal's reason as soon as it is aborted. */
  settle<T>(work: () => T | Promise<T>): Promise<T>
}

/**
 * The running calls of one connection. A call counts until its work has settled, also when it was answered early by
 * a cancellation or its deadline: starting and cancelling in a loop gains nothing.
 */
export class CallsInFlight {
  readonly #byId = new Map<RequestId, Set<AbortController>>()
  readonly #all = new Set<AbortController>()

  get size(): number {
    return this.#all.size
  }

  open(id: RequestId | undefined, deadlineMs: number): CallInFlight {
    const controller = new AbortController()
    this.#add(id, controller)
    const timer = setTimeout(() => controller.abort(deadlinePassed(deadlineMs)), deadlineMs).unref()
    const { signal } = controller
    return {
      signal,
      settle: (work) =>
        new Promise((resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason), { once: true })
          const done = () => {
            clearTimeout(timer)
            this.#remove(id, controller)
          }
          new Promise<Awaited<ReturnType<typeof work>>>((settled) => settled(work() as never)).then(
            (value) => {
              done()
              resolve(value)
            },
            (error) => {
              done()
              reject(error)
            },
          )
        }),
    }
  }

  /** Aborts every call under that id; an id that is not running is no error: the answer may be on its way. */
  cancel(id: RequestId): void {
    for (const controller of this.#byId.get(id) ?? []) {
      controller.abort(new VivimError('Unavailable', 'The caller cancelled this call.'))
    }
  }

  abortAll(reason: VivimError): void {
    for (const controller of this.#all) controller.abort(reason)
  }

  #add(id: RequestId | undefined, controller: AbortController): void {
    this.#all.add(controller)
    if (id === undefined) return
    const sameId = this.#byId.get(id)
    if (sameId === undefined) this.#byId.set(id, new Set([controller]))
    else sameId.add(controller)
  }

  #remove(id: RequestId | undefined, controller: AbortController): void {
    this.#all.delete(controller)
    if (id === undefined) return
    const sameId = this.#byId.get(id)
    sameId?.delete(controller)
    if (sameId?.size === 0) this.#byId.delete(id)
  }
}

function deadlinePassed(ms: number): VivimError {
  return new VivimError('Unavailable', `The call was given up after ${ms / 1000} s.`)
}
