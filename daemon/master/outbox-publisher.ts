import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { Backoff } from './backoff.ts'
import type { MasterLog } from './master-log.ts'
import type { Outbox, WaitingRecord } from './outbox.ts'
import type { Registry } from './registry.ts'

const FIRST_RETRY_MS = 500
/** Trying again changes nothing. */
const FINAL = new Set(['InvalidParams', 'TooLarge', 'Forbidden'])

export interface OutboxPublisherOptions {
  readonly outbox: Outbox
  readonly registry: Pick<Registry, 'put'>
  /** The master took it, or has a newer one. */
  readonly onTaken: (record: WaitingRecord) => void
  /** Nothing waits any more. */
  readonly onEmpty: () => void
  readonly log: MasterLog
  readonly count: (name: string) => void
  /** A number in [0, 1). */
  readonly chance: () => number
}

/** Brings what waits in the outbox to the master, as often as it takes. */
export class OutboxPublisher {
  readonly #options: OutboxPublisherOptions
  readonly #backoff: Backoff
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #again = false
  readonly #stopping = new AbortController()

  constructor(options: OutboxPublisherOptions) {
    this.#options = options
    this.#backoff = new Backoff(FIRST_RETRY_MS, LIMITS.outboxRetryMs, options.chance)
  }

  /** There is something new, or the master is back: tries at once. */
  hurry(): void {
    this.#backoff.reset()
    this.#begin()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    clearTimeout(this.#timer)
    await this.#running
  }

  #begin(): void {
    if (this.#stopping.signal.aborted) return
    clearTimeout(this.#timer)
    if (this.#running) {
      this.#again = true
      return
    }
    this.#running = this.#publishAll().then((waitMs) => {
      this.#running = undefined
      if (this.#again) {
        this.#again = false
        this.#begin()
      } else if (waitMs !== undefined && !this.#stopping.signal.aborted) {
        this.#timer = setTimeout(() => this.#begin(), waitMs)
        this.#timer.unref()
      }
    })
  }

  /** Milliseconds until the next try; undefined when nothing waits. */
  async #publishAll(): Promise<number | undefined> {
    let waitMs: number | undefined
    const waiting = this.#options.outbox.waiting()
    for (const record of waiting) {
      try {
        await this.#publish(record)
      } catch (error) {
        if (this.#stopping.signal.aborted) return undefined
        const { code, retryAfterMs } = error instanceof VivimError ? error : new VivimError('Internal')
        waitMs ??= Math.max(this.#backoff.next(), code === 'RateLimited' ? (retryAfterMs ?? 0) : 0)
        // The others would fare alike.
        if (code === 'Unavailable' || code === 'RateLimited') break
        this.#options.log.warn({ code, kind: record.kind }, 'the master did not take a record')
      }
    }
    if (this.#options.outbox.size === 0 && waiting.length > 0) this.#options.onEmpty()
    return waitMs
  }

  async #publish(record: WaitingRecord): Promise<void> {
    const { outbox, registry, log, count, onTaken } = this.#options
    const { kind, bytes } = record
    const { signal } = this.#stopping
    try {
      const outcome = await registry.put(kind, bytes, signal)
      count(`master.published.${outcome}`)
      onTaken(record)
    } catch (error) {
      if (!(error instanceof VivimError && FINAL.has(error.code))) throw error
      log.error({ code: error.code, kind }, 'the master refused a record for good')
      count('master.published.refused')
    }
    outbox.remove(record)
    this.#backoff.reset()
  }
}
