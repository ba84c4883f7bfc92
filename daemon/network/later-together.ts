/**
 * Does things a moment after they were asked for, in their order, with one timer. Messages are passed on like this: most
 * peers have them from the writer by then, and those who wait for what is new do not wait behind copies.
 */
export class LaterTogether {
  readonly #afterMs: number
  readonly #onError: (error: unknown) => void
  #waiting: (() => void)[] = []

  constructor(afterMs: number, onError: (error: unknown) => void) {
    this.#afterMs = afterMs
    this.#onError = onError
  }

  add(task: () => void): void {
    this.#waiting.push(task)
    if (this.#waiting.length === 1) setTimeout(() => this.#run(), this.#afterMs).unref()
  }

  #run(): void {
    const tasks = this.#waiting
    this.#waiting = []
    for (const task of tasks)
      try {
        task()
      } catch (error) {
        // The others still go, and a timer that throws would end the process.
        this.#onError(error)
      }
  }
}
