/** Waits that double from `firstMs` to `longestMs`, each with up to a fifth of chance taken off or added. */
export class Backoff {
  readonly #firstMs: number
  readonly #longestMs: number
  readonly #chance: () => number
  #failures = 0

  /** `chance` gives a number in [0, 1). */
  constructor(firstMs: number, longestMs: number, chance: () => number) {
    this.#firstMs = firstMs
    this.#longestMs = longestMs
    this.#chance = chance
  }

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const ms = Math.min(this.#longestMs, this.#firstMs * 2 ** Math.min(this.#failures++, 30))
    return Math.min(this.#longestMs, ms * (0.8 + 0.4 * this.#chance()))
  }

  reset(): void {
    this.#failures = 0
  }
}
