import type { ByteWindow } from './byte-window.ts'

/** Why the bytes at hand cannot be one JSON value. */
export type Flaw = 'not-json' | 'syntax' | 'too-large' | 'too-deep' | 'truncated'

export interface ValueBounds {
  readonly maxBytes: number
  readonly maxDepth: number
}

/** Where a value ends, or where it went wrong. */
export type ScannedValue = { readonly end: number; readonly flaw?: undefined } | Flawed

export interface Flawed {
  readonly flaw: Flaw
  readonly at: number
  /** Brackets open there, outermost first. */
  readonly open: readonly number[]
  readonly inString: boolean
}

const QUOTE = 0x22
const BACKSLASH = 0x5c

const ILLEGAL = 0
const PLAIN = 1
const SPACE = 2
const OPEN = 3
const CLOSE = 4
const STRING = 5
const SEPARATOR = 6

/** What a byte outside of a string means. */
const CLASS = new Uint8Array(256)
for (const char of '0123456789+-.eEtrufalsn') CLASS[char.charCodeAt(0)] = PLAIN
for (const char of ' \t\r\n') CLASS[char.charCodeAt(0)] = SPACE
for (const char of '[{') CLASS[char.charCodeAt(0)] = OPEN
for (const char of ']}') CLASS[char.charCodeAt(0)] = CLOSE
for (const char of ',:') CLASS[char.charCodeAt(0)] = SEPARATOR
CLASS[QUOTE] = STRING

export function isSpace(byte: number | undefined): boolean {
  return byte !== undefined && CLASS[byte] === SPACE
}

/** `[` and `]`, `{` and `}` differ by two. */
function closes(close: number, open: number | undefined): boolean {
  return open !== undefined && close === open + 2
}

/**
 * Finds the end of the JSON value that begins at the window's first byte: strings and brackets are followed, the
 * finer grammar is left to the parser. Reads on as needed, at most `maxBytes`.
 */
export async function scanValue(window: ByteWindow, bounds: ValueBounds): Promise<ScannedValue> {
  const open: number[] = []
  let inString = false
  let at = 0
  for (;;) {
    const bytes = window.bytes
    const length = Math.min(bytes.length, bounds.maxBytes)
    while (at < length) {
      const byte = bytes[at]!
      if (inString) {
        if (byte === BACKSLASH) at += 2
        else if (byte === QUOTE) {
          inString = false
          at++
          if (open.length === 0) return { end: at }
        } else if (byte < 0x20) return { at, flaw: 'syntax', open, inString }
        else at++
        continue
      }
      switch (CLASS[byte]) {
        case STRING:
          inString = true
          break
        case OPEN:
          if (open.length === bounds.maxDepth) return { at, flaw: 'too-deep', open, inString }
          open.push(byte)
          break
        case CLOSE:
          if (open.length === 0) return at === 0 ? { at, flaw: 'syntax', open, inString } : { end: at }
          if (!closes(byte, open.at(-1))) return { at, flaw: 'syntax', open, inString }
          open.pop()
          if (open.length === 0) return { end: at + 1 }
          break
        case SEPARATOR:
        case SPACE:
          if (open.length === 0) return at > 0 ? { end: at } : { at, flaw: 'syntax', open, inString }
          break
        case ILLEGAL:
          return { at, flaw: 'syntax', open, inString }
      }
      at++
    }
    if (at >= bounds.maxBytes) return { at, flaw: 'too-large', open, inString }
    if (!(await window.more())) {
      const scalar = open.length === 0 && !inString && at > 0
      return scalar
        ? { end: Math.min(at, window.length) }
        : { at: window.length, flaw: 'truncated', open, inString }
    }
  }
}

/** Brackets followed through a flawed value; more of them than this is no export. */
const MAX_OPEN = 10_000

/**
 * Follows a flawed value on to its closing bracket, forgiving what is wrong inside: unknown bytes, and brackets left
 * open. Answers the position after it, or undefined when there is no such end within `maxBytes` of the flaw.
 * With `forget`, the bytes on the way are given up, and the position counts from the window's new beginning.
 */
export async function closingBracket(
  window: ByteWindow,
  from: Flawed,
  { maxBytes, forget }: { maxBytes: number; forget: boolean },
): Promise<number | undefined> {
  const open = [...from.open]
  let { at, inString } = from
  let read = 0
  if (open.length === 0) return undefined
  for (;;) {
    const bytes = window.bytes
    read -= at
    for (; at < bytes.length; at++) {
      const byte = bytes[at]!
      if (inString) {
        if (byte === BACKSLASH) at++
        else if (byte === QUOTE) inString = false
        continue
      }
      const kind = CLASS[byte]
      if (kind === STRING) inString = true
      else if (kind === OPEN) open.push(byte)
      else if (kind === CLOSE) {
        const match = open.findLastIndex((bracket) => closes(byte, bracket))
        if (match === -1) return undefined
        open.length = match
        if (match === 0) return at + 1
      }
    }
    read += at
    if ((!forget && read > maxBytes) || open.length > MAX_OPEN) return undefined
    if (forget) {
      const passed = Math.min(at, window.length)
      window.skip(passed)
      at -= passed
    }
    if (!(await window.more())) return undefined
  }
}
