import type { ByteWindow } from './byte-window.ts'
import { isSpace } from './json-value-scan.ts'

const NEWLINE = 0x0a
const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Bytes before a start that must be at hand to recognise it. */
const LOOK_BACK = 256
const MAX_FIRST_KEY = 200

/**
 * Recognises where an element begins without following the JSON before it, so that reading can go on behind a broken
 * one. In an array: the opening of the first element up to its first key, after `},`. In lines: `{` after a newline.
 */
export class ElementStarts {
  readonly #lines: boolean
  #opening: Buffer | undefined

  constructor(lines: boolean) {
    this.#lines = lines
    if (lines) this.#opening = Buffer.from('{')
  }

  /** Learns from the first element, whole or not. */
  learn(element: Buffer): void {
    if (this.#opening || element[0] !== OPEN_BRACE) return
    const first = element.indexOf(QUOTE)
    const second = element.indexOf(QUOTE, first + 1)
    if (first === -1 || second === -1 || second > MAX_FIRST_KEY) return
    this.#opening = Buffer.from(element.subarray(0, second + 1))
  }

  /** The first start in the window at or after `from` and before `to`, or undefined. */
  findIn(window: ByteWindow, from: number, to: number): number | undefined {
    const opening = this.#opening
    if (!opening) return undefined
    const bytes = window.bytes
    for (let at = bytes.indexOf(opening, from); at !== -1 && at < to; at = bytes.indexOf(opening, at + 1))
      if (this.#follows(bytes, at)) return at
    return undefined
  }

  /** Gives up bytes until a start stands first in the window; false when the stream ends before one. */
  async skipTo(window: ByteWindow, from: number): Promise<boolean> {
    let searched = from
    for (;;) {
      const found = this.findIn(window, searched, Number.POSITIVE_INFINITY)
      if (found !== undefined) {
        window.skip(found)
        return true
      }
      const kept = Math.max(0, window.length - LOOK_BACK - MAX_FIRST_KEY)
      window.skip(kept)
      searched = Math.max(0, window.length - MAX_FIRST_KEY)
      if (!(await window.more())) return false
    }
  }

  #follows(bytes: Buffer, at: number): boolean {
    let before = at - 1
    if (this.#lines) return bytes[before] === NEWLINE
    while (isSpace(bytes[before])) before--
    if (bytes[before--] !== COMMA) return false
    while (isSpace(bytes[before])) before--
    return bytes[before] === CLOSE_BRACE
  }
}
