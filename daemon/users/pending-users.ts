import { VivimError } from '../../schema/errors.ts'

/** Users with unfinished work who wait to be opened without anybody calling. */
export class PendingUsers {
  readonly #open: (did: string) => Promise<unknown>
  readonly #onFailure: (error: unknown) => void
  readonly #waiting = new Set<string>()
  #running: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  /** @param onFailure told about a user who cannot be opened and is not tried again */
  constructor(open: (did: string) => Promise<unknown>, onFailure: (error: unknown) => void) {
    this.#open = open
    this.#onFailure = onFailure
  }

  add(did: string): void {
    this.#waiting.add(did)
  }

  delete(did: string): void {
    this.#waiting.delete(did)
  }

  /** Opens those it can; whoever is unavailable now is tried again by itself. Resolves after the first try of each. */
  resume(): Promise<void> {
    this.#running ??= this.#tryAll().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  async #tryAll(): Promise<void> {
    let retryMs: number | undefined
    for (const did of [...this.#waiting]) {
      if (this.#stopped) return
      try {
        await this.#open(did)
        this.#waiting.delete(did)
      } catch (error) {
        if (error instanceof VivimError && error.code === 'UserUnavailable')
          retryMs = Math.min(retryMs ?? Number.POSITIVE_INFINITY, error.retryAfterMs ?? 1_000)
        else {
          this.#waiting.delete(did)
          this.#onFailure(error)
        }
      }
    }
    if (retryMs === undefined || this.#stopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.resume(), Math.max(100, retryMs)).unref()
  }
}
