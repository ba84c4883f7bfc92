type PeerListener = (peerId: string, connected: boolean) => void

/** Who is connected, and who wants to hear of it. One peer may have several connections; it comes and goes once. */
export class Peers {
  readonly #connected = new Set<string>()
  readonly #listeners = new Set<PeerListener>()
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  list(): string[] {
    return [...this.#connected]
  }

  listen(listener: PeerListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Notes how a peer is now; listeners hear of a change. */
  note(peerId: string, connected: boolean): void {
    if (this.#connected.has(peerId) === connected) return
    if (connected) this.#connected.add(peerId)
    else this.#connected.delete(peerId)
    for (const listener of [...this.#listeners]) {
      try {
        listener(peerId, connected)
      } catch (error) {
        this.#onError(error)
      }
    }
  }

  clear(): void {
    for (const peerId of this.list()) this.note(peerId, false)
  }
}
