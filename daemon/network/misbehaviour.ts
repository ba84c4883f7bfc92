/** Refused messages a peer is forgiven at once: two versions may see one message differently. */
const FORGIVEN = 3
/** More than this is not counted, so that a peer that has stopped is heard again within minutes. */
const MOST = 100
/** What is left after each second. */
const FADING = 0.98
const FORGOTTEN = 0.1

/** Remembers who sent messages that were refused. It fades with every tick, one a second. */
export class Misbehaviour {
  readonly #refused = new Map<string, number>()

  refuse(peerId: string): void {
    this.#refused.set(peerId, Math.min(MOST, (this.#refused.get(peerId) ?? 0) + 1))
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
