import type { Stream } from '@libp2p/interface'
import { Libp2pFrameStream } from './frame-stream.ts'

/** Every stream that is open, so that none is left in doubt when the network stops. */
export class OpenStreams {
  readonly #streams = new Set<Libp2pFrameStream>()

  add(stream: Stream, peerId: string, maxFrameBytes: number): Libp2pFrameStream {
    const frames = new Libp2pFrameStream(stream, peerId, maxFrameBytes)
    this.#streams.add(frames)
    void frames.closed.then(() => this.#streams.delete(frames))
    return frames
  }

  breakOff(): void {
    for (const stream of this.#streams) stream.breakOff('the network stops')
  }
}
