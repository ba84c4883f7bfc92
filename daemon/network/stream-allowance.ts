import { TokenBuckets } from './token-buckets.ts'

const SECONDS = 60
/** Peers remembered at once; a stranger can be as many as they like. */
const PEERS = 10_000

/** Streams of a protocol that are looked at in a minute: so many from one peer, so many from all. */
export class StreamAllowance {
  readonly #peers: TokenBuckets
  readonly #all: TokenBuckets

  constructor({ perPeer, ofAll, now }: { perPeer: number; ofAll: number; now: () => number }) {
    this.#peers = new TokenBuckets({ burst: perPeer, perSecond: perPeer / SECONDS, names: PEERS, now })
    this.#all = new TokenBuckets({ burst: ofAll, perSecond: ofAll / SECONDS, names: 1, now })
  }

  /** Takes one; false when there is none left. */
  take(peerId: string): boolean {
    return this.#peers.take(peerId) === 0 && this.#all.take('all') === 0
  }
}
