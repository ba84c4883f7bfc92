/** Does something once, some time after it was first asked for; asking again meanwhile adds nothing. */
export class Postponed {
  readonly #work: () => void
  readonly #afterMs: number
  #timer: NodeJS.Timeout | undefined

  constructor(work: () => void, afterMs: number) {
    this.#work = work
    this.#afterMs = afterMs
  }

  schedule(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#work()
    }, this.#afterMs)
  }

  /** Answers whether it was still to be done. */
  cancel(): boolean {
    const waited = this.#timer !== undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    return waited
  }
}
