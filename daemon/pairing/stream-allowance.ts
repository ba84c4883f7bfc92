const WINDOW_MS = 60_000
/** Peers remembered at once; a stranger can be as many as they like. */
const PEERS = 10_000

/** Streams that are looked at in a minute: so many from one peer, so many from all. */
export class StreamAllowance {
  readonly #perPeer: Bucket
  readonly #ofAll: Bucket
  readonly #peers = new Map<string, { left: number; at: number }>()
  readonly #all: { left: number; at: number }
  readonly #now: () => number

  constructor({ perPeer, ofAll, now }: { perPeer: number; ofAll: number; now: () => number }) {
    this.#perPeer = { size: perPeer }
    this.#ofAll = { size: ofAll }
    this.#now = now
    this.#all = { left: ofAll, at: now() }
  }

  /** Takes one; false when there is none left. */
  take(peerId: string): boolean {
    const now = this.#now()
    const own = this.#peers.get(peerId) ?? { left: this.#perPeer.size, at: now }
    this.#peers.delete(peerId)
    this.#peers.set(peerId, own)
    if (this.#peers.size > PEERS) this.#peers.delete(this.#peers.keys().next().value!)
    return takeFrom(own, this.#perPeer, now) && takeFrom(this.#all, this.#ofAll, now)
  }
}

interface Bucket {
  /** Tokens it holds, and gets in a minute. */
  readonly size: number
}

function takeFrom(level: { left: number; at: number }, { size }: Bucket, now: number): boolean {
  const gained = (Math.max(0, now - level.at) / WINDOW_MS) * size
  level.left = Math.min(size, level.left + gained)
  level.at = now
  if (level.left < 1) return false
  level.left -= 1
  return true
}
