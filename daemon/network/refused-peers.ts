export interface RefusedPeersOptions {
  /** Peers remembered at once; beyond it the one refused longest ago is let in again. */
  readonly peers: number
  /** Milliseconds a peer stays out. */
  readonly forMs: number
  /** Milliseconds. */
  readonly now: () => number
}

/** Peers with which no connection is kept for a while, for what they sent. */
export class RefusedPeers {
  readonly #options: RefusedPeersOptions
  readonly #until = new Map<string, number>()

  constructor(options: RefusedPeersOptions) {
    this.#options = options
  }

  add(peerId: string): void {
    const { peers, forMs, now } = this.#options
    this.#until.delete(peerId)
    this.#until.set(peerId, now() + forMs)
    if (this.#until.size > peers) this.#until.delete(this.#until.keys().next().value!)
  }

  has(peerId: string): boolean {
    const until = this.#until.get(peerId)
    if (until === undefined) return false
    if (until > this.#options.now()) return true
    this.#until.delete(peerId)
    return false
  }
}
