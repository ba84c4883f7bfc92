import { LIMITS } from '../../schema/limits.ts'
import { TokenBuckets } from '../network/token-buckets.ts'

export interface ConductOptions {
  /** Milliseconds. */
  readonly now: () => number
  readonly count: (name: string) => void
  /** Ends the connection, and takes none for a while. */
  readonly misbehaved: (peerId: string) => void
}

const NAMES = 1_000

/**
 * How peers behave on the streams of one person. A stream that breaks the rules ends, which two versions that
 * misunderstand each other may do too; who goes on opening such streams, or floods one, is refused for a while.
 */
export class Conduct {
  readonly #options: ConductOptions
  readonly #breaches: TokenBuckets

  constructor(options: ConductOptions) {
    this.#options = options
    this.#breaches = new TokenBuckets({
      burst: LIMITS.syncBreaches,
      perSecond: LIMITS.syncBreaches / (LIMITS.refusedPeerMs / 1_000),
      names: NAMES,
      now: options.now,
    })
  }

  /** A stream ended by the fault of the other side. */
  breach(peerId: string): void {
    this.#options.count('sync.breaches')
    if (this.#breaches.take(peerId) > 0) this.#options.misbehaved(peerId)
  }

  /** For one stream: called with each of its frames; false once they are too many. */
  meter(peerId: string): () => boolean {
    const { now, count, misbehaved } = this.#options
    const frames = new TokenBuckets({
      burst: LIMITS.syncFrameBurst,
      perSecond: LIMITS.syncFramesPerSecond,
      names: 1,
      now,
    })
    return () => {
      if (frames.take('') === 0) return true
      count('sync.floods')
      misbehaved(peerId)
      return false
    }
  }
}
