interface Waiting {
  resolve(frame: Uint8Array | undefined): void
  reject(error: unknown): void
}

/** Frames that have arrived, in order, and those who wait for the next. */
export class FrameQueue {
  #frames: Uint8Array[] = []
  #next = 0
  #cost = 0
  readonly #waiting = new Set<Waiting>()
  /** How it ended: with an error, or (`undefined`) in good order. */
  #outcome: { readonly error: Error | undefined } | undefined

  /** Memory it holds, about; bytes. */
  get cost(): number {
    return this.#cost
  }

  push(frame: Uint8Array): void {
    if (this.#outcome) return
    const [first] = this.#waiting
    if (first) {
      this.#waiting.delete(first)
      first.resolve(frame)
      return
    }
    this.#frames.push(frame)
    this.#cost += frame.length + FRAME_OVERHEAD
  }

  /** The next frame, undefined at the end in good order. What had arrived before a failure still comes first. */
  async shift(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    signal?.throwIfAborted()
    const frame = this.#frames[this.#next]
    if (frame) {
      this.#frames[this.#next] = EMPTY
      this.#next++
      this.#cost -= frame.length + FRAME_OVERHEAD
      if (this.#next > COMPACT_AFTER || this.#next === this.#frames.length) {
        this.#frames = this.#frames.slice(this.#next)
        this.#next = 0
      }
      return frame
    }
    if (this.#outcome) {
      if (this.#outcome.error) throw this.#outcome.error
      return undefined
    }
    return this.#wait(signal)
  }

  /** No more frames will come. The first outcome counts. */
  end(): void {
    this.#settle(undefined)
  }

  fail(error: Error): void {
    this.#settle(error)
  }

  clear(): void {
    this.#frames = []
    this.#next = 0
    this.#cost = 0
  }

  #wait(signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>()
    const waiting = { resolve, reject }
    this.#waiting.add(waiting)
    if (!signal) return promise
    const giveUp = () => {
      this.#waiting.delete(waiting)
      reject(signal.reason)
    }
    signal.addEventListener('abort', giveUp, { once: true })
    return promise.finally(() => signal.removeEventListener('abort', giveUp))
  }

  #settle(error: Error | undefined): void {
    if (this.#outcome) return
    this.#outcome = { error }
    for (const { resolve, reject } of this.#waiting) error ? reject(error) : resolve(undefined)
    this.#waiting.clear()
  }
}

/** What a small array costs beside its bytes. */
const FRAME_OVERHEAD = 160
const EMPTY = new Uint8Array()
/** Taken frames are cut off this many at a time, so that taking one stays cheap in a long queue. */
const COMPACT_AFTER = 1_024
