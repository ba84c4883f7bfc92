import type { Stream } from '@libp2p/interface'
import { LIMITS } from '../../schema/limits.ts'

interface Early {
  readonly stream: Stream
  readonly take: () => void
  readonly timer: NodeJS.Timeout
}

/**
 * Gossip streams of peers that are not known to be a person's own yet. Two devices that meet find out one after the
 * other: a stream that was refused in between would leave one of them deaf, for its peer hears of the refusal before it
 * has the stream. A few wait, one for each peer, for a moment.
 */
export class EarlyStreams {
  readonly #waiting = new Map<string, Early>()

  wait(peerId: string, stream: Stream, take: () => void): void {
    this.#end(peerId)
    const [oldest] = this.#waiting.keys()
    if (oldest !== undefined && this.#waiting.size >= LIMITS.gossipEarlyStreams) this.#end(oldest)
    const timer = setTimeout(() => this.#end(peerId), LIMITS.gossipEarlyMs)
    timer.unref()
    this.#waiting.set(peerId, { stream, take, timer })
  }

  /** The peer is one of ours. */
  release(peerId: string): void {
    const early = this.#waiting.get(peerId)
    if (!early) return
    this.#waiting.delete(peerId)
    clearTimeout(early.timer)
    if (early.stream.status === 'open') early.take()
  }

  stop(): void {
    for (const peerId of [...this.#waiting.keys()]) this.#end(peerId)
  }

  #end(peerId: string): void {
    const early = this.#waiting.get(peerId)
    if (!early) return
    this.#waiting.delete(peerId)
    clearTimeout(early.timer)
    early.stream.abort(new Error('gossip is not spoken with this peer'))
  }
}
