/** One thing to do later: asked for several times it is done once, at the earliest of the times. */
export class SoonestTimer {
  readonly #run: () => void
  #timer: NodeJS.Timeout | undefined
  #at = Infinity

  constructor(run: () => void) {
    this.#run = run
  }

  within(ms: number): void {
    const at = performance.now() + ms
    if (at >= this.#at) return
    clearTimeout(this.#timer)
    this.#at = at
    this.#timer = setTimeout(() => {
      this.#at = Infinity
      this.#run()
    }, ms)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#at = Infinity
  }
}
