import { performance } from 'node:perf_hooks'
import { LIMITS } from '../../../schema/limits.ts'

/**
 * Calls once when the thread was busy nearly all the time for a minute. The library's table has been seen to use a whole
 * processor for ever (js-libp2p issue 3613); whoever is the cause, the table is what can best be done without.
 */
export class CpuWatchdog {
  readonly #onBusy: () => void
  readonly #utilization: () => number
  #timer: NodeJS.Timeout | undefined
  #busy = 0

  /** @param utilization share of the time since it was last asked in which the thread was busy, 0 to 1 */
  constructor(onBusy: () => void, utilization: () => number = threadUtilization()) {
    this.#onBusy = onBusy
    this.#utilization = utilization
  }

  start(): void {
    this.stop()
    this.#utilization()
    this.#timer = setInterval(() => this.look(), LIMITS.cpuLookMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#busy = 0
  }

  /** Called at each interval. */
  look(): void {
    this.#busy = this.#utilization() >= BUSY ? this.#busy + 1 : 0
    if (this.#busy < LIMITS.cpuBusyLooks) return
    this.#busy = 0
    this.#onBusy()
  }
}

const BUSY = 0.9

function threadUtilization(): () => number {
  let last = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    return utilization
  }
}
