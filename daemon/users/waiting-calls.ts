import { VivimError } from '../../schema/errors.ts'
import type { Progress } from './user-engine.ts'

/** What one caller waits with. */
export interface Answering {
  readonly signal?: AbortSignal
  readonly deadlineMs: number
  readonly progress?: (progress: Progress) => void
}

interface Waiting extends Answering {
  readonly answer: PromiseWithResolvers<unknown>
  /** Forgets timer and signal; answers false when the caller was answered before. */
  release(): boolean
}

type Outcome = { readonly value: unknown } | { readonly error: unknown }

/**
 * Calls on their way. A caller who cancels or whose deadline passes is answered at once; the call stays counted until
 * the engine is done with it, so that cancelling never makes room for more work than the engine can take.
 */
export class WaitingCalls {
  readonly #calls = new Map<number, Waiting>()
  #lastId = 0

  get size(): number {
    return this.#calls.size
  }

  add(
    answering: Answering,
    onEarly: (id: number, reason: VivimError) => void,
  ): { id: number; answer: Promise<unknown> } {
    const id = ++this.#lastId
    const { signal, deadlineMs } = answering
    const answer = Promise.withResolvers<unknown>()
    let released = false
    const release = () => {
      if (released) return false
      released = true
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      return true
    }
    const early = (error: unknown) => {
      if (!release()) return
      answer.reject(error)
      onEarly(
        id,
        error instanceof VivimError ? error : new VivimError('UserUnavailable', 'The call was cancelled.'),
      )
    }
    const onAbort = () => early(signal?.reason)
    const timer = setTimeout(
      () => early(new VivimError('UserUnavailable', 'The call took too long.', { retryAfterMs: 1_000 })),
      deadlineMs,
    )
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#calls.set(id, { ...answering, answer, release })
    return { id, answer: answer.promise }
  }

  settle(id: number, outcome: Outcome): void {
    const call = this.#calls.get(id)
    this.#calls.delete(id)
    if (!call?.release()) return
    if ('error' in outcome) call.answer.reject(outcome.error)
    else call.answer.resolve(outcome.value)
  }

  progress(id: number, progress: Progress): void {
    this.#calls.get(id)?.progress?.(progress)
  }

  failAll(error: VivimError): void {
    for (const id of [...this.#calls.keys()]) this.settle(id, { error })
  }
}
