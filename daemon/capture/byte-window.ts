const FIRST_CAPACITY = 64 * 1024

/** The unread end of a byte stream: positions count from its first byte and stay valid while it grows. */
export class ByteWindow {
  readonly #chunks: AsyncIterator<Uint8Array>
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY)
  #start = 0
  #end = 0

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]()
  }

  get length(): number {
    return this.#end - this.#start
  }

  /** The bytes at hand. Valid until the next `more`. */
  get bytes(): Buffer {
    return this.#buffer.subarray(this.#start, this.#end)
  }

  at(position: number): number | undefined {
    return position < this.length ? this.#buffer[this.#start + position] : undefined
  }

  /** Forgets the first `count` bytes. */
  skip(count: number): void {
    this.#start = Math.min(this.#start + count, this.#end)
  }

  /** Reads one more chunk; false when there is none. */
  async more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next()
    if (done) return false
    this.#makeRoom(value.length)
    this.#buffer.set(value, this.#end)
    this.#end += value.length
    return true
  }

  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  #makeRoom(count: number): void {
    if (this.#end + count <= this.#buffer.length) return
    const needed = this.length + count
    // A window that once held one huge element gives the memory back.
    const fits = needed <= this.#buffer.length && this.#buffer.length <= 16 * Math.max(needed, FIRST_CAPACITY)
    const target = fits ? this.#buffer : Buffer.allocUnsafe(Math.max(2 * needed, FIRST_CAPACITY))
    this.#buffer.copy(target, 0, this.#start, this.#end)
    this.#buffer = target
    this.#end -= this.#start
    this.#start = 0
  }
}
