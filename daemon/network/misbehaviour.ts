/** Refused messages a peer is forgiven at once: two versions may see one message differently. */
const FORGIVEN = 3
/** More than this is not counted, so that a peer that has stopped is heard again within minutes. */
const MOST = 100
/** What is left after each second. */
const FADING = 0.98
const FORGOTTEN = 0.1
/** Refusals after which a peer is cut. */
const ENOUGH = 12

/** Remembers who sent messages that were refused. It fades with every tick, one a second. */
export class Misbehaviour {
  readonly #refused = new Map<string, number>()
  readonly #onEnough: (peerId: string) => void

  /** @param onEnough called when a peer has been refused so often that it is not to stay connected */
  constructor(onEnough: (peerId: string) => void = () => {}) {
    this.#onEnough = onEnough
  }

  refuse(peerId: string): void {
    const before = this.#refused.get(peerId) ?? 0
    this.#refused.set(peerId, Math.min(MOST, before + 1))
    if (before < ENOUGH && before + 1 >= ENOUGH) this.#onEnough(peerId)
  }

  tick(): void {
    for (const [peerId, refused] of this.#refused) {
      const left = refused * FADING
      if (left < FORGOTTEN) this.#refused.delete(peerId)
      else this.#refused.set(peerId, left)
    }
  }

  /** Zero or less. Under -80, after a dozen refusals, gossipsub no longer hears the peer. */
  score(peerId: string): number {
    const beyond = Math.max(0, (this.#refused.get(peerId) ?? 0) - FORGIVEN)
    return -(beyond * beyond)
  }
}
