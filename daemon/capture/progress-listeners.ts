import type { Progress } from '../users/user-engine.ts'

/** At most one event per listener in this time, besides the first and the last. */
const INTERVAL_MS = 100

/** Tells whoever listens to a job how far it is. */
export class ProgressListeners {
  readonly #now: () => number
  readonly #listeners = new Map<string, Set<(progress: Progress) => void>>()
  readonly #toldAt = new Map<string, number>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Answers a function that ends the listening. */
  listen(jobId: string, listener: (progress: Progress) => void): () => void {
    const listeners = this.#listeners.get(jobId) ?? new Set()
    this.#listeners.set(jobId, listeners.add(listener))
    return () => {
      listeners.delete(listener)
      if (listeners.size === 0) this.#listeners.delete(jobId)
    }
  }

  /** `always` for the first and the last event. */
  tell(progress: Progress, always = false): void {
    const listeners = this.#listeners.get(progress.jobId)
    if (!listeners) return
    const now = this.#now()
    if (!always && now - (this.#toldAt.get(progress.jobId) ?? 0) < INTERVAL_MS) return
    this.#toldAt.set(progress.jobId, now)
    for (const listener of listeners) listener(progress)
  }

  forget(jobId: string): void {
    this.#toldAt.delete(jobId)
  }
}
