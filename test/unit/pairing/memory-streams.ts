import type { FrameStream, Network, StreamHandler } from '../../../daemon/network/network.ts'
import { VivimError } from '../../../schema/errors.ts'

type Peer = Pick<Network, 'peerId' | 'multiaddrs' | 'running' | 'handle' | 'unhandle' | 'open'>

/** Decides about each frame before it is delivered; throwing nothing, it answers false to break the stream. */
export type FrameFilter = (frame: Uint8Array, from: string, to: string) => boolean

/** Peers in one process, with streams that can be broken at any frame. */
export class MemoryStreams {
  readonly #handlers = new Map<string, Map<string, StreamHandler>>()
  /** Frames sent over all streams so far. */
  frames = 0
  filter: FrameFilter = () => true
  online = true

  peer(peerId: string): Peer {
    const handlers = new Map<string, StreamHandler>()
    this.#handlers.set(peerId, handlers)
    return {
      peerId,
      running: true,
      multiaddrs: () => ['/ip4/127.0.0.1/tcp/4001', `/ip4/192.0.2.7/tcp/4001/p2p/${peerId}`],
      handle: (protocol, _options, handler) => void handlers.set(protocol, handler),
      unhandle: (protocol) => void handlers.delete(protocol),
      open: async (target, protocol) => {
        const handler = this.online ? this.#handlers.get(target.peerId)?.get(protocol) : undefined
        if (!handler) throw new VivimError('Unavailable', 'no such peer')
        const [here, there] = this.#pair(peerId, target.peerId)
        void Promise.resolve(handler(there)).catch(() => there.abort())
        return here
      },
    }
  }

  #pair(opener: string, opened: string): [FrameStream, FrameStream] {
    const pass: FrameFilter = (frame, from, to) => {
      this.frames++
      return this.online && this.filter(frame, from, to)
    }
    const here = new End(opened, opener, pass)
    const there = new End(opener, opened, pass)
    here.other = there
    there.other = here
    return [here, there]
  }
}

class End implements FrameStream {
  other!: End
  readonly peerId: string
  readonly #own: string
  readonly #pass: FrameFilter
  readonly #queue: Uint8Array[] = []
  readonly #gone = Promise.withResolvers<void>()
  readonly closed = this.#gone.promise
  bytesSent = 0
  bytesReceived = 0
  #ended = false
  #broken = false
  #closing = false
  #wake = Promise.withResolvers<void>()

  constructor(peerId: string, own: string, pass: FrameFilter) {
    this.peerId = peerId
    this.#own = own
    this.#pass = pass
  }

  async send(frame: Uint8Array): Promise<void> {
    if (this.#broken || this.#closing) throw broken()
    this.bytesSent += frame.length
    const copy = new Uint8Array(frame)
    if (this.#pass(copy, this.#own, this.peerId)) this.other.#take(copy)
    else this.abort()
  }

  async receive(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    for (;;) {
      if (this.#broken || this.#closing) throw broken()
      const frame = this.#queue.shift()
      if (frame) return frame
      if (this.#ended) return undefined
      await Promise.race([this.#wake.promise, aborted(signal)])
    }
  }

  async close(): Promise<void> {
    this.#closing = true
    this.other.#ended = true
    this.other.#stir()
    this.#stir()
    this.#gone.resolve()
  }

  abort(): void {
    for (const end of [this, this.other]) {
      end.#broken = true
      end.#queue.length = 0
      end.#gone.resolve()
      end.#stir()
    }
  }

  #take(frame: Uint8Array): void {
    this.bytesReceived += frame.length
    this.#queue.push(frame)
    this.#stir()
  }

  #stir(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }
}

function broken(): VivimError {
  return new VivimError('Unavailable', 'the stream broke')
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
