/** A part of the node with a beginning and an end. */
export interface Stage<T> {
  start(): T | Promise<T>
  /** Undoes `start`, given what it returned. */
  stop?(value: T, reason: string): void | Promise<void>
  /** Milliseconds `stop` may take before it counts as hanging; default 5,000. */
  readonly stopBudgetMs?: number
}

export interface LifecycleLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

export interface LifecycleOptions {
  readonly log: LifecycleLog
  /** Milliseconds, monotonic. */
  readonly now: () => number
  /** After this long a start is named in the log; it goes on. Default 10,000 ms: migrations take their time. */
  readonly slowStartMs?: number
}

export interface StopReport {
  /** Names of stages that did not end within their budget. */
  readonly hung: readonly string[]
  /** Names of stages whose end threw. */
  readonly failed: readonly string[]
}

interface Started {
  readonly name: string
  readonly budgetMs: number
  end(reason: string): void | Promise<void>
}

const STOP_BUDGET_MS = 5_000
const SLOW_START_MS = 10_000

/** Starts named stages in order and stops them in the opposite one. */
export class Lifecycle {
  readonly #log: LifecycleLog
  readonly #now: () => number
  readonly #slowStartMs: number
  readonly #started: Started[] = []
  #current: string | undefined
  #stopping: Promise<StopReport> | undefined

  constructor({ log, now, slowStartMs = SLOW_START_MS }: LifecycleOptions) {
    this.#log = log
    this.#now = now
    this.#slowStartMs = slowStartMs
  }

  /** The stage that is starting or stopping right now. */
  get current(): string | undefined {
    return this.#current
  }

  get stopping(): boolean {
    return this.#stopping !== undefined
  }

  /** Starts a stage and answers what its `start` returned. When it throws, the caller calls `stop`. */
  async start<T>(name: string, { start, stop, stopBudgetMs = STOP_BUDGET_MS }: Stage<T>): Promise<T> {
    if (this.stopping) throw new Error(`${name} cannot start: the node is stopping`)
    const began = this.#now()
    this.#current = name
    const slow = setTimeout(() => this.#log.warn({ stage: name }, 'still starting'), this.#slowStartMs)
    try {
      const value = await start()
      this.#started.push({ name, budgetMs: stopBudgetMs, end: (reason) => stop?.(value, reason) })
      this.#log.info({ stage: name, ms: Math.round(this.#now() - began) }, 'started')
      return value
    } finally {
      clearTimeout(slow)
      this.#current = undefined
    }
  }

  /** Stops what was started, last first. A stage that hangs or fails is named and left behind. Runs once. */
  stop(reason: string): Promise<StopReport> {
    this.#stopping ??= this.#stopAll(reason)
    return this.#stopping
  }

  async #stopAll(reason: string): Promise<StopReport> {
    const hung: string[] = []
    const failed: string[] = []
    for (let stage = this.#started.pop(); stage !== undefined; stage = this.#started.pop()) {
      const { name, budgetMs } = stage
      this.#current = name
      const began = this.#now()
      const outcome = await within(budgetMs, stage, reason)
      const ms = Math.round(this.#now() - began)
      if (outcome === 'ended') this.#log.info({ stage: name, ms }, 'stopped')
      else if (outcome === 'hung') {
        hung.push(name)
        this.#log.error({ stage: name, budgetMs }, `${name} did not stop in time`)
      } else {
        failed.push(name)
        this.#log.error({ stage: name, ms, err: outcome.error }, `${name} failed to stop`)
      }
    }
    this.#current = undefined
    return { hung, failed }
  }
}

async function within(
  ms: number,
  stage: Started,
  reason: string,
): Promise<'ended' | 'hung' | { error: unknown }> {
  let timer: NodeJS.Timeout | undefined
  const hang = new Promise<'hung'>((resolve) => {
    timer = setTimeout(resolve, ms, 'hung')
  })
  const end = (async () => stage.end(reason))().then(
    () => 'ended' as const,
    (error: unknown) => ({ error }),
  )
  try {
    return await Promise.race([end, hang])
  } finally {
    clearTimeout(timer)
  }
}
