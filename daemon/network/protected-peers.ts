/** Peers that belong to somebody here: no limit on strangers closes their connections. */
export class ProtectedPeers {
  readonly #byOwner = new Map<string, ReadonlySet<string>>()
  readonly #last = new Map<string, readonly string[]>()

  /** Replaces those of one owner. */
  set(owner: string, peerIds: readonly string[]): void {
    if (peerIds.length === 0) this.#byOwner.delete(owner)
    else this.#byOwner.set(owner, new Set(peerIds))
    if (peerIds.length > 0) this.#last.set(owner, peerIds)
  }

  /** The owner is gone for good: those that nobody else has, also when they were let go before. */
  forget(owner: string): string[] {
    const last = this.#last.get(owner) ?? []
    this.#last.delete(owner)
    this.#byOwner.delete(owner)
    return last.filter((peerId) => !this.has(peerId))
  }

  has(peerId: string): boolean {
    for (const peers of this.#byOwner.values()) if (peers.has(peerId)) return true
    return false
  }
}
