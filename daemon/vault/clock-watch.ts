import type { ClockState } from '../../crdt/hlc.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { PeerClock } from './peer-clock.ts'

export interface ClockWatchOptions {
  /** Without it no stamp is doubted. */
  readonly peers: PeerClock | undefined
  readonly now: () => number
  /** Whether the person has another device: who is alone is ahead of nobody. */
  readonly hasOthers: () => boolean
  /** The highest stamp among operations that are not doubted. */
  readonly newest: () => ClockState
}

/** Says which stamps this device may give, by what its peers call now. */
export class ClockWatch {
  readonly #options: ClockWatchOptions

  constructor(options: ClockWatchOptions) {
    this.#options = options
  }

  /** @param ms what a connected device calls now, milliseconds UTC; undefined: it is gone */
  hear(device: Uint8Array, ms: number | undefined): void {
    if (ms === undefined) this.#options.peers?.forget(device)
    else this.#options.peers?.tell(device, ms)
  }

  /** @param ms what the keeper of mailboxes calls now, milliseconds UTC */
  hearKeeper(ms: number): void {
    this.#options.peers?.tellKeeper(ms)
  }

  /** The highest stamp that may be given now; ms. */
  limit(): number {
    const { peers, hasOthers, newest } = this.#options
    if (!peers || !hasOthers()) return Infinity
    const { median } = peers
    if (median !== undefined) return median + LIMITS.clockAheadMs
    const { ms } = newest()
    if (ms === 0) return Infinity
    // Devices that meet through mailboxes alone would, after a day without a word, keep everything back for ever. The
    // word of a keeper, who is none of them, lets stamps pass and takes none back.
    return Math.max(ms + LIMITS.clockAloneMs, (peers.keeper ?? 0) + LIMITS.clockAheadMs)
  }

  /** Whether other devices are there to compare with. */
  get isCompared(): boolean {
    return this.#options.peers?.median !== undefined
  }

  /** Whether this device's own clock may give stamps. */
  get isRight(): boolean {
    return this.#options.now() <= this.limit()
  }

  /** How far the clock is ahead of the others'; ms, negative when it is behind. */
  get aheadMs(): number | undefined {
    const median = this.#options.peers?.median
    return median === undefined ? undefined : Math.round(this.#options.now() - median)
  }
}
