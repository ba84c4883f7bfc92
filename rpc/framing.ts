/**
 * One line of input, or why there is none.
 * `oversized` comes as soon as a line crosses the cap, once per line; `encoding` when a line is not UTF-8.
 */
export type Frame =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'oversized' }
  | { readonly kind: 'encoding' }

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d
/** A line's buffer above this is released after the line, so that an idle connection costs little. */
const KEPT_BYTES = 64 * 1024

/**
 * Cuts a byte stream into lines of strict UTF-8. Decodes whole lines only, so characters may be split over chunks.
 * Holds at most twice `maxBytes`; of a longer line it holds nothing.
 */
export class LineDecoder {
  readonly #maxBytes: number
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #held: Buffer = Buffer.alloc(0)
  #length = 0
  #dropping = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** The frames that `chunk` completes. Consume all of them before the next push. */
  *push(chunk: Uint8Array): Generator<Frame, void, undefined> {
    let start = 0
    while (start < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, start)
      const end = newline === -1 ? chunk.length : newline
      const piece = chunk.subarray(start, end)
      start = end + 1
      if (!this.#dropping && this.#length + piece.length > this.#maxBytes + 1) yield this.#overflow()
      if (newline === -1) {
        if (!this.#dropping) this.#hold(piece)
        return
      }
      if (this.#dropping) {
        this.#dropping = false
        continue
      }
      const frame = this.#line(piece)
      if (frame !== undefined) yield frame
    }
  }

  /** The last line, when the stream ends without a newline. */
  end(): Frame | undefined {
    if (this.#dropping) return undefined
    return this.#line(new Uint8Array(0))
  }

  /** Bytes held for an unfinished line. */
  get heldBytes(): number {
    return this.#held.length
  }

  #overflow(): Frame {
    this.#dropping = true
    this.#release()
    return { kind: 'oversized' }
  }

  #line(last: Uint8Array): Frame | undefined {
    let bytes = last
    if (this.#length > 0) {
      this.#hold(last)
      bytes = this.#held.subarray(0, this.#length)
    }
    if (bytes.at(-1) === CARRIAGE_RETURN) bytes = bytes.subarray(0, -1)
    const frame = this.#decode(bytes)
    this.#length = 0
    if (this.#held.length > KEPT_BYTES) this.#release()
    return frame
  }

  #decode(bytes: Uint8Array): Frame | undefined {
    if (bytes.length === 0) return undefined
    // One byte of grace in push() is for the carriage return only.
    if (bytes.length > this.#maxBytes) return { kind: 'oversized' }
    try {
      return { kind: 'line', text: this.#decoder.decode(bytes) }
    } catch {
      return { kind: 'encoding' }
    }
  }

  #hold(piece: Uint8Array): void {
    const needed = this.#length + piece.length
    if (needed > this.#held.length) {
      const grown = Buffer.allocUnsafeSlow(
        Math.max(needed, Math.min(this.#held.length * 2, this.#maxBytes + 1), 1024),
      )
      this.#held.copy(grown, 0, 0, this.#length)
      this.#held = grown
    }
    this.#held.set(piece, this.#length)
    this.#length = needed
  }

  #release(): void {
    this.#held = Buffer.alloc(0)
    this.#length = 0
  }
}

/** One JSON value as a line. JSON text never holds a raw newline. */
export function encodeLine(value: unknown): string {
  return `${JSON.stringify(value)}\n`
}
