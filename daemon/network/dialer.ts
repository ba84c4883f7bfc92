import type { Connection } from '@libp2p/interface'
import { connectTo, type DialTarget } from './dial.ts'
import type { Node } from './libp2p-node.ts'

/**
 * Dials that end when their time is over. The library's own may go on: a dial that somebody else joined is not given up
 * until they give it up too. What goes on for long afterwards is stuck.
 */
export class Dialer {
  readonly #node: Node
  readonly #late = new Map<Promise<unknown>, number>()

  constructor(node: Node) {
    this.#node = node
  }

  connect(target: DialTarget, signal: AbortSignal): Promise<Connection> {
    return this.within(signal, connectTo(this.#node, target, signal))
  }

  /** The outcome of what was begun, or the signal's reason if that comes first. */
  within<T>(signal: AbortSignal, begun: Promise<T>): Promise<T> {
    if (signal.aborted) this.#note(begun)
    return new Promise((resolve, reject) => {
      const late = () => {
        this.#note(begun)
        reject(signal.reason)
      }
      if (signal.aborted) return late()
      signal.addEventListener('abort', late, { once: true })
      begun.then(resolve, reject).finally(() => {
        signal.removeEventListener('abort', late)
        this.#late.delete(begun)
      })
    })
  }

  /** How many go on for so long after their time was over. */
  stuck(forMs: number): number {
    return [...this.#late.values()].filter((since) => performance.now() - since > forMs).length
  }

  #note(begun: Promise<unknown>): void {
    if (this.#late.has(begun)) return
    this.#late.set(begun, performance.now())
    begun.catch(() => {}).finally(() => this.#late.delete(begun))
  }
}
