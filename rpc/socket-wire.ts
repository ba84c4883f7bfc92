import type { Socket } from 'node:net'
import { LIMITS } from '../schema/limits.ts'
import type { Wire } from './connection.ts'
import type { Count } from './types.ts'

/** While this much is unread, nothing more is read from that caller. */
const CONGESTED_BYTES = 1024 * 1024
/** How long a caller may take to read its last answers. */
const LAST_ANSWERS_MS = 1_000

/** A socket as the wire of a connection: back-pressure both ways, and slow readers are cut. */
export class SocketWire implements Wire {
  readonly #socket: Socket
  readonly #count: Count
  #wanted = true
  #congested = false
  #stopped = false

  constructor(socket: Socket, count: Count) {
    this.#socket = socket
    this.#count = count
    socket.on('drain', () => {
      this.#congested = false
      this.#apply()
    })
  }

  write(line: string): void {
    const socket = this.#socket
    if (!socket.writable) return
    if (socket.writableLength > LIMITS.rpcSlowReaderBytes) {
      this.#count('rpc.refused.slowReader')
      socket.destroy()
      return
    }
    socket.write(line)
    if (socket.writableLength > CONGESTED_BYTES && !this.#congested) {
      this.#congested = true
      this.#apply()
    }
  }

  setReading(on: boolean): void {
    this.#wanted = on
    this.#apply()
  }

  /** Reads no more, whatever is asked for. */
  stopReading(): void {
    this.#stopped = true
    this.#apply()
  }

  close(): void {
    this.stopReading()
    this.#socket.destroySoon()
    const impatience = setTimeout(() => this.#socket.destroy(), LAST_ANSWERS_MS)
    this.#socket.once('close', () => clearTimeout(impatience))
  }

  #apply(): void {
    const read = this.#wanted && !this.#congested && !this.#stopped
    if (read === !this.#socket.isPaused()) return
    if (read) this.#socket.resume()
    else this.#socket.pause()
  }
}
