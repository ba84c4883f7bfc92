import type { Stream } from '@libp2p/interface'
import { LengthPrefixedDecoder } from '@libp2p/utils'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { FrameQueue } from './frame-queue.ts'
import { lengthPrefixed, prefixLength } from './length-prefix.ts'
import type { FrameStream } from './network.ts'
import { roomToWrite } from './stream-writing.ts'

/** A stream whose sender makes no headway for so long is given up; milliseconds. */
const STALLED_CLOSE_MS = 30_000
/** How long the other side may take to close after us; milliseconds. */
const LINGER_MS = 30_000

type Arriving = Parameters<LengthPrefixedDecoder['decode']>[0]
const NOTHING = new Uint8Array()

/**
 * Frames over a libp2p stream: an unsigned varint with the length, then the bytes.
 * Unread frames are bounded by pausing the stream, unsent ones by making `send` wait. The library's own ways of
 * reading and waiting are not used, because they buffer without bound or never wait twice.
 */
export class Libp2pFrameStream implements FrameStream {
  readonly peerId: string
  readonly closed: Promise<void>
  readonly #stream: Stream
  readonly #maxFrameBytes: number
  readonly #decoder: LengthPrefixedDecoder
  readonly #queue = new FrameQueue()
  #bytesSent = 0
  #bytesReceived = 0
  /** The other side said that it will send no more. */
  #remoteFinished = false
  #inputOver = false
  /** Bytes that arrived and are not frames of the queue yet; `#backlog` when whole frames are among them. */
  #undecoded = 0
  #backlog = false
  #paused = false
  #resuming = false
  #closing: Promise<void> | undefined

  constructor(stream: Stream, peerId: string, maxFrameBytes: number) {
    this.peerId = peerId
    this.#stream = stream
    this.#maxFrameBytes = maxFrameBytes
    // A paused stream hands over a whole window at once when it goes on.
    const maxBufferSize = maxFrameBytes + 4 * LIMITS.networkStreamBufferBytes
    this.#decoder = new LengthPrefixedDecoder({ maxDataLength: maxFrameBytes, maxBufferSize })
    const gone = Promise.withResolvers<void>()
    this.closed = gone.promise
    // Before our listeners were there it may all have happened.
    this.#remoteFinished = stream.status === 'open' && stream.remoteWriteStatus === 'closed'
    stream.addEventListener('remoteCloseWrite', () => {
      this.#remoteFinished = true
    })
    stream.addEventListener('message', ({ data }) => this.#take(data))
    stream.addEventListener('end', () => this.#inputEnded())
    stream.addEventListener('close', () => {
      if (!this.#remoteFinished) this.#queue.fail(this.#gone('The stream to a peer broke.'))
      gone.resolve()
    })
    if (stream.readableEnded) this.#inputEnded()
    if (stream.status !== 'open') gone.resolve()
  }

  get bytesSent(): number {
    return this.#bytesSent
  }

  get bytesReceived(): number {
    return this.#bytesReceived
  }

  /** Bytes that have arrived and wait for `receive`, here and below. */
  get unreadBytes(): number {
    return this.#queue.cost + this.#undecoded + this.#stream.readBufferLength
  }

  async send(frame: Uint8Array, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    // The decoders of the field skip empty frames in silence.
    if (frame.length === 0) throw new VivimError('InvalidParams', 'A frame has at least one byte.')
    if (frame.length > this.#maxFrameBytes)
      throw new VivimError(
        'TooLarge',
        `A frame of ${frame.length} bytes is larger than ${this.#maxFrameBytes}.`,
      )
    if (this.#closing) throw this.#gone('The stream was closed on this side.')
    try {
      this.#stream.send(lengthPrefixed(frame))
    } catch (cause) {
      throw this.#gone('The stream to a peer is gone.', cause)
    }
    this.#bytesSent += frame.length
    if (!(await roomToWrite(this.#stream, LIMITS.networkStreamBufferBytes, signal)))
      throw this.#gone('The stream to a peer is gone.')
  }

  async receive(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    const frame = await this.#queue.shift(signal)
    this.#makeRoom()
    return frame
  }

  close(): Promise<void> {
    this.#closing ??= this.#finish()
    return this.#closing
  }

  abort(reason = 'ended on this side'): void {
    this.#queue.clear()
    this.#queue.fail(this.#gone(`The stream was ended: ${reason}.`))
    this.#stream.abort(new Error(reason))
  }

  /** Aborts unless it is being closed: an end in good order would say that everything had been sent. */
  breakOff(reason: string): void {
    if (!this.#closing) this.abort(reason)
  }

  #take(data: Arriving): void {
    if (this.#closing) return
    this.#undecoded += data.byteLength
    this.#decode(data)
    // A pause while the library resumes would be undone by it; `#resume` looks again afterwards.
    if (!this.#resuming) this.#pauseWhenFull()
  }

  /** Only as many frames as there is room for: a window full of tiny ones would cost a hundred times its size. */
  #decode(data: Arriving): void {
    this.#backlog = false
    try {
      for (const chunks of this.#decoder.decode(data)) {
        const frame = joined(chunks, chunks.byteLength)
        this.#undecoded -= prefixLength(frame.length) + frame.length
        this.#bytesReceived += frame.length
        this.#queue.push(frame)
        if (this.#queue.cost < LIMITS.networkStreamBufferBytes) continue
        this.#backlog = this.#undecoded > 0
        break
      }
    } catch (cause) {
      this.#queue.fail(this.#gone(`A peer sent a frame larger than ${this.#maxFrameBytes} bytes.`, cause))
      this.#stream.abort(new Error('a frame was too large'))
    }
    if (this.#inputOver && !this.#backlog) this.#inputEnded()
  }

  #makeRoom(): void {
    if (this.#queue.cost > LIMITS.networkStreamBufferBytes / 2) return
    if (this.#backlog) this.#decode(NOTHING)
    if (this.#paused && this.#queue.cost <= LIMITS.networkStreamBufferBytes / 2) this.#resume()
  }

  #pauseWhenFull(): void {
    if (this.#paused || this.#queue.cost < LIMITS.networkStreamBufferBytes) return
    if (this.#stream.readStatus !== 'readable') return
    this.#stream.pause()
    this.#paused = true
  }

  #resume(): void {
    this.#paused = false
    if (this.#stream.readStatus !== 'paused') return
    this.#resuming = true
    try {
      this.#stream.resume()
    } catch {
      // What had arrived was handed over first; only telling the other side failed, because it is gone.
    } finally {
      this.#resuming = false
    }
    this.#pauseWhenFull()
  }

  #inputEnded(): void {
    this.#inputOver = true
    if (this.#backlog) return
    if (this.#remoteFinished && this.#undecoded === 0) this.#queue.end()
    else this.#queue.fail(this.#gone('The stream to a peer broke.'))
  }

  /** What is unread is dropped from here on: nobody waits for it, and the other side must not wait for us. */
  async #finish(): Promise<void> {
    this.#queue.clear()
    this.#queue.fail(this.#gone('The stream was closed on this side.'))
    this.#resume()
    const stream = this.#stream
    try {
      while (stream.status === 'open' && stream.writeBufferLength > 0) {
        const unsent = stream.writeBufferLength
        await roomToWrite(stream, unsent - 1, AbortSignal.timeout(STALLED_CLOSE_MS))
      }
      await stream.close({ signal: AbortSignal.timeout(STALLED_CLOSE_MS) })
    } catch {
      stream.abort(new Error('the other side does not read'))
    }
    if (stream.status !== 'open') return
    const linger = setTimeout(() => stream.abort(new Error('the other side does not close')), LINGER_MS)
    linger.unref()
    void this.closed.then(() => clearTimeout(linger))
  }

  #gone(message: string, cause?: unknown): VivimError {
    return new VivimError('Unavailable', message, cause === undefined ? {} : { cause })
  }
}

/** One array of its own, so that its buffer can be moved to another thread. */
function joined(chunks: Iterable<Uint8Array>, length: number): Uint8Array {
  const whole = new Uint8Array(length)
  let offset = 0
  for (const chunk of chunks) {
    whole.set(chunk, offset)
    offset += chunk.length
  }
  return whole
}
