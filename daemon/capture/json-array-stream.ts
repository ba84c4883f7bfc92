import { LIMITS } from '../../schema/limits.ts'
import { ByteWindow } from './byte-window.ts'
import { ElementStarts } from './element-starts.ts'
import { closingBracket, type Flaw, type Flawed, isSpace, scanValue } from './json-value-scan.ts'

/** One element of a file, in order; broken ones are counted in `index` too. */
export type JsonElement =
  | {
      readonly kind: 'element'
      readonly index: number /** Valid until the next element is asked for. */
      readonly bytes: Buffer
    }
  | { readonly kind: 'broken'; readonly index: number; readonly reason: Flaw }

export interface JsonStreamOptions {
  /** Read the array under this key of the top-level object. */
  readonly under?: string
  readonly maxBytes?: number
  readonly maxDepth?: number
}

/** Deeper nesting than any export has, and safe to walk by recursion. */
const MAX_DEPTH = 128
/** A file broken in more places is given up. */
const MAX_BROKEN_ENDS = 1_000

const COMMA = 0x2c
const COLON = 0x3a
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/**
 * The raw elements of a UTF-8 JSON file of any size: of its top-level array, of the array under a key, or the single
 * object, or one object per line. Holds one element at a time. A broken element is reported and skipped when its end
 * can be found; a file that ends early is reported too.
 */
export async function* jsonElements(
  chunks: AsyncIterable<Uint8Array>,
  { under, maxBytes = LIMITS.conversationBytes, maxDepth = MAX_DEPTH }: JsonStreamOptions = {},
): AsyncGenerator<JsonElement> {
  const window = new ByteWindow(chunks)
  const bounds = { maxBytes, maxDepth }
  try {
    await skipByteOrderMark(window)
    const first = await nextByte(window)
    if (first === undefined) return
    if (first !== OPEN_BRACKET && first !== OPEN_BRACE) {
      yield { kind: 'broken', index: 0, reason: 'not-json' }
      return
    }
    if (under !== undefined && !(await enterArrayUnder(window, under, bounds))) return
    const inArray = under !== undefined || first === OPEN_BRACKET
    if (under === undefined && inArray) window.skip(1)
    const starts = new ElementStarts(!inArray)
    let index = 0
    for (let brokenEnds = 0; brokenEnds <= MAX_BROKEN_ENDS; ) {
      const byte = await nextByte(window)
      if (byte === undefined) {
        if (inArray) yield { kind: 'broken', index, reason: 'truncated' }
        return
      }
      if (inArray && byte === CLOSE_BRACKET) {
        window.skip(1)
        if (under !== undefined || (await nextByte(window)) === undefined) return
        yield { kind: 'broken', index: index++, reason: 'syntax' }
        brokenEnds++
        if (!(await starts.skipTo(window, 0))) return
        continue
      }
      const value = await scanValue(window, bounds)
      starts.learn(window.bytes)
      if (value.flaw === undefined) {
        yield { kind: 'element', index: index++, bytes: window.bytes.subarray(0, value.end) }
        window.skip(value.end)
        continue
      }
      yield { kind: 'broken', index: index++, reason: value.flaw }
      brokenEnds++
      if (!(await skipBroken(window, value, starts, maxBytes))) return
    }
    yield { kind: 'broken', index, reason: 'syntax' }
  } finally {
    await window.close()
  }
}

/** Moves behind a broken element; false when its end cannot be found. */
async function skipBroken(
  window: ByteWindow,
  value: Flawed,
  starts: ElementStarts,
  maxBytes: number,
): Promise<boolean> {
  if (value.flaw === 'too-large') {
    const end = await closingBracket(window, value, { maxBytes, forget: true })
    if (end !== undefined) window.skip(end)
    return end !== undefined
  }
  // A string that was left open turns text into structure from there on: the next element began before the flaw.
  const mismatch = !value.inString && isBracket(window.at(value.at))
  if (!mismatch) {
    const start = starts.findIn(window, 1, value.at + 2)
    if (start !== undefined) {
      window.skip(start)
      return true
    }
  }
  const end = await closingBracket(window, value, { maxBytes, forget: false })
  if (end !== undefined && (await endsElement(window, end))) {
    window.skip(end)
    return true
  }
  return starts.skipTo(window, 1)
}

/** Whether what stands after a guessed end goes on as a list of elements does. */
async function endsElement(window: ByteWindow, end: number): Promise<boolean> {
  const next = await nextPosition(window, end)
  const byte = window.at(next)
  if (byte === undefined || byte === CLOSE_BRACKET || byte === OPEN_BRACE) return true
  return byte === COMMA && window.at(await nextPosition(window, next + 1)) === OPEN_BRACE
}

async function enterArrayUnder(
  window: ByteWindow,
  key: string,
  bounds: { maxBytes: number; maxDepth: number },
): Promise<boolean> {
  if (window.at(0) !== OPEN_BRACE) return false
  window.skip(1)
  for (;;) {
    if ((await nextByte(window)) === CLOSE_BRACE) return false
    const name = await scanValue(window, bounds)
    if (name.flaw !== undefined) return false
    const wanted = window.bytes.subarray(0, name.end).toString('utf8') === JSON.stringify(key)
    window.skip(name.end)
    if ((await nextByte(window)) !== COLON) return false
    window.skip(1)
    if ((await nextByte(window)) === OPEN_BRACKET && wanted) {
      window.skip(1)
      return true
    }
    const value = await scanValue(window, bounds)
    if (value.flaw !== undefined) return false
    window.skip(value.end)
  }
}

/** The next byte that is neither space nor comma, moved to the window's beginning. */
async function nextByte(window: ByteWindow): Promise<number | undefined> {
  for (;;) {
    const bytes = window.bytes
    let at = 0
    while (at < bytes.length && (isSpace(bytes[at]) || bytes[at] === COMMA)) at++
    window.skip(at)
    if (window.length > 0) return window.at(0)
    if (!(await window.more())) return undefined
  }
}

async function nextPosition(window: ByteWindow, from: number): Promise<number> {
  for (let at = from; ; ) {
    while (isSpace(window.at(at))) at++
    if (at < window.length || !(await window.more())) return at
  }
}

function isBracket(byte: number | undefined): boolean {
  return byte === CLOSE_BRACKET || byte === CLOSE_BRACE
}

async function skipByteOrderMark(window: ByteWindow): Promise<void> {
  while (window.length < 3 && (await window.more())) {}
  if (window.at(0) === 0xef && window.at(1) === 0xbb && window.at(2) === 0xbf) window.skip(3)
}
