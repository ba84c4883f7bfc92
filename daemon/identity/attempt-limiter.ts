import { VivimError } from '../../schema/errors.ts'

const WINDOW_MS = 60_000
/** Names remembered at once; a caller may invent names. */
const NAMES = 10_000

/** At most `limit` failures per name and minute. Tries under way count, so parallel guesses gain nothing. */
export class AttemptLimiter {
  readonly #limit: number
  readonly #now: () => number
  readonly #attempts = new Map<string, number[]>()

  constructor(limit: number, now: () => number) {
    this.#limit = limit
    this.#now = now
  }

  /**
   * Runs one try; a truthy answer is a success and counts for nothing.
   * @throws VivimError `RateLimited` before the try when the name has used up its minute
   */
  async attempt<T>(name: string, work: () => Promise<T>): Promise<T> {
    const started = this.#now()
    const recent = (this.#attempts.get(name) ?? []).filter((at) => at > started - WINDOW_MS && at <= started)
    if (recent.length >= this.#limit)
      throw new VivimError('RateLimited', 'Too many tries; wait a minute.', {
        retryAfterMs: Math.max(1, recent[0]! + WINDOW_MS - started),
      })
    recent.push(started)
    this.#remember(name, recent)
    const result = await work()
    if (result) this.#forget(name, started)
    return result
  }

  #remember(name: string, attempts: number[]): void {
    this.#attempts.delete(name)
    this.#attempts.set(name, attempts)
    if (this.#attempts.size > NAMES) this.#attempts.delete(this.#attempts.keys().next().value!)
  }

  #forget(name: string, at: number): void {
    const attempts = this.#attempts.get(name)
    if (!attempts) return
    attempts.splice(attempts.indexOf(at), attempts.includes(at) ? 1 : 0)
    if (attempts.length === 0) this.#attempts.delete(name)
  }
}
