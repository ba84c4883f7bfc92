const FIRST_MS = 250
const LONGEST_MS = 30_000
/** A user open for this long has recovered. */
const HEALTHY_MS = 60_000

/** How long to leave users alone whose engine keeps dying: twice as long each time, up to 30 s. */
export class RestartBackoff {
  readonly #now: () => number
  readonly #failures = new Map<string, { count: number; at: number }>()

  constructor(now: () => number) {
    this.#now = now
  }

  failed(did: string, openedAt: number): void {
    const before = this.#now() - openedAt < HEALTHY_MS ? (this.#failures.get(did)?.count ?? 0) : 0
    this.#failures.set(did, { count: before + 1, at: this.#now() })
  }

  forget(did: string): void {
    this.#failures.delete(did)
  }

  /** Milliseconds until the next start is due; 0: now. */
  waitMs(did: string): number {
    const failure = this.#failures.get(did)
    if (!failure) return 0
    const pause = Math.min(FIRST_MS * 2 ** (failure.count - 1), LONGEST_MS)
    return Math.max(0, failure.at + pause - this.#now())
  }
}
