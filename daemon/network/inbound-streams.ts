import type { Connection, Stream } from '@libp2p/interface'
import { LIMITS } from '../../schema/limits.ts'
import type { Libp2pFrameStream } from './frame-stream.ts'
import type { StreamHandler, StreamOptions } from './network.ts'
import type { OpenStreams } from './open-streams.ts'
import type { NetworkOptions } from './options.ts'

/** Answers streams of one protocol: counts them for each peer over all its connections, and holds what a handler throws. */
export class InboundStreams {
  readonly #protocol: string
  readonly #options: StreamOptions
  readonly #handler: StreamHandler
  readonly #network: NetworkOptions
  readonly #streams: OpenStreams
  readonly #open = new Map<string, number>()

  constructor(
    protocol: string,
    options: StreamOptions,
    handler: StreamHandler,
    network: NetworkOptions,
    streams: OpenStreams,
  ) {
    this.#streams = streams
    this.#protocol = protocol
    this.#options = options
    this.#handler = handler
    this.#network = network
  }

  get maxInbound(): number {
    return this.#options.maxInbound ?? LIMITS.networkStreamsPerPeer
  }

  readonly answer = (stream: Stream, connection: Connection): void => {
    const peerId = connection.remotePeer.toString()
    const open = this.#open.get(peerId) ?? 0
    if (open >= this.maxInbound) {
      this.#network.count?.('network.streams.refused')
      stream.abort(new Error('too many streams of this protocol'))
      return
    }
    const frames = this.#streams.add(stream, peerId, this.#options.maxFrameBytes)
    this.#open.set(peerId, open + 1)
    void frames.closed.then(() => this.#forget(peerId))
    void this.#run(frames)
  }

  async #run(frames: Libp2pFrameStream): Promise<void> {
    try {
      await this.#handler(frames)
    } catch (error) {
      frames.abort('its handler failed')
      const reason = error instanceof Error ? error.message : String(error)
      this.#network.log.warn({ protocol: this.#protocol, peer: frames.peerId, reason }, 'a stream failed')
    }
  }

  #forget(peerId: string): void {
    const left = (this.#open.get(peerId) ?? 1) - 1
    if (left > 0) this.#open.set(peerId, left)
    else this.#open.delete(peerId)
  }
}
