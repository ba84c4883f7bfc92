export interface SupervisorOptions {
  /** Milliseconds between two looks. */
  readonly everyMs: number
  /** What is wrong with the network; undefined when it is well. */
  readonly look: () => Promise<string | undefined>
  /** It was wrong twice in a row. */
  readonly onHung: (why: string) => void
  /** After each look at a network that is well. `slept`: the machine was away for a while. */
  readonly onWell: (slept: boolean) => void
}

/** So much later than planned, and the machine slept. */
const SLEPT_MS = 60_000

/** Looks at the network from time to time. A look never overlaps with the next. */
export class Supervisor {
  readonly #options: SupervisorOptions
  #timer: NodeJS.Timeout | undefined
  #problem: string | undefined
  #stopped = false
  /** By the clock of the day: the other one stands still while a machine sleeps. */
  #lookedAt = Date.now()

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#plan()
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #plan(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#options.everyMs)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { everyMs, look, onHung, onWell } = this.#options
    const slept = Date.now() - this.#lookedAt > everyMs + SLEPT_MS
    this.#lookedAt = Date.now()
    const problem = await look().catch((error: unknown) => String(error))
    if (this.#stopped) return
    const again = this.#problem !== undefined
    this.#problem = problem
    if (problem === undefined) onWell(slept)
    else if (again) return onHung(problem)
    this.#plan()
  }
}
