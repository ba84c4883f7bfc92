import { LIMITS } from '../../schema/limits.ts'

export interface HealthWatchOptions {
  /** Resolves when the master answers. */
  readonly ping: (signal: AbortSignal) => Promise<void>
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly onChange: (online: boolean) => void
  readonly everyMs?: number
}

/** Whether the master answers, asked every few seconds and whenever there is reason to. */
export class HealthWatch {
  readonly #options: HealthWatchOptions
  readonly #stopping = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #again = false
  #online = false
  #since: number
  #problem: string | undefined

  /** Offline until the first answer. */
  constructor(options: HealthWatchOptions) {
    this.#options = options
    this.#since = options.now()
  }

  get online(): boolean {
    return this.#online
  }

  /** When it became so; milliseconds UTC. */
  get since(): number {
    return this.#since
  }

  /** Why it is offline, in words; undefined while it is online or was not asked yet. */
  get problem(): string | undefined {
    return this.#problem
  }

  /** Asks now, and from now on; resolves when there is an answer. */
  look(): Promise<void> {
    if (this.#stopping.signal.aborted) return Promise.resolve()
    if (this.#looking) {
      // It may have been asked before whatever is the reason to look.
      this.#again = true
      return this.#looking
    }
    clearTimeout(this.#timer)
    this.#looking = this.#lookUntilSettled().finally(() => {
      this.#looking = undefined
      if (this.#stopping.signal.aborted) return
      this.#timer = setTimeout(() => void this.look(), this.#options.everyMs ?? LIMITS.masterPingMs)
      this.#timer.unref()
    })
    return this.#looking
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    await this.#looking
  }

  async #lookUntilSettled(): Promise<void> {
    do {
      this.#again = false
      const problem = await this.#ask()
      if (this.#stopping.signal.aborted) return
      this.#note(problem)
    } while (this.#again)
  }

  async #ask(): Promise<string | undefined> {
    try {
      await this.#options.ping(this.#stopping.signal)
      return undefined
    } catch (error) {
      // A master that says it is asked too often is there.
      return (error as { code?: string }).code === 'RateLimited' ? undefined : (error as Error).message
    }
  }

  #note(problem: string | undefined): void {
    const online = problem === undefined
    this.#problem = problem
    if (online === this.#online) return
    this.#online = online
    this.#since = this.#options.now()
    this.#options.onChange(online)
  }
}
