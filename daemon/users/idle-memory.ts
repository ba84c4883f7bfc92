/** Nobody calls while they read an answer; a moment later they may be away for hours. */
const IDLE_MS = 1_500
/** It takes some 50 ms, and somebody who comes and goes should not pay it each time. */
const EVERY_MS = 60_000

export interface IdleMemoryOptions {
  /** There is work in the background. */
  readonly isBusy: () => boolean
  /** The runtime's collector; absent: nothing is ever done. */
  readonly collect:
    | ((options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void)
    | undefined
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
}

/**
 * Lets an engine's thread give memory back when it falls idle: its young generation alone, 8 MB once it was filled,
 * otherwise stays resident for as long as the user is open.
 */
export class IdleMemory {
  readonly #options: IdleMemoryOptions
  #timer: NodeJS.Timeout | undefined
  #collectedAt = Number.NEGATIVE_INFINITY
  #closed = false

  constructor(options: IdleMemoryOptions) {
    this.#options = options
  }

  /** The engine did something. */
  used(): void {
    this.#wait(IDLE_MS)
  }

  close(): void {
    this.#closed = true
    clearTimeout(this.#timer)
  }

  #wait(ms: number): void {
    if (!this.#options.collect || this.#closed) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#give(), ms)
    this.#timer.unref()
  }

  #give(): void {
    const { isBusy, collect, now } = this.#options
    const early = this.#collectedAt + EVERY_MS - now()
    if (isBusy()) this.#wait(IDLE_MS)
    else if (early > 0) this.#wait(early)
    else {
      collect?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
      this.#collectedAt = now()
    }
  }
}
