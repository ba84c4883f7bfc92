import { estimateTokens } from './measure.ts'

/** Sentence ends, line ends; then blanks; a text without either is cut at a character. */
const ENDS: readonly RegExp[] = [/[.!?…]["'”’)\]*_]{0,3}(?=\s)|[。！？؟।]|\n/gu, /\s(?=\S)/gu]

/** Cuts a stretch of text into pieces of at most about `most` tokens: at sentence ends where there are any. */
export function splitLongText(
  text: string,
  start: number,
  end: number,
  most: number,
): { start: number; end: number }[] {
  const pieces: { start: number; end: number }[] = []
  // A token is at most 4 characters here, and at least one byte.
  const mostCharacters = most * 4
  let from = start
  while (end - from > 0) {
    if (end - from <= mostCharacters && estimateTokens(text.slice(from, end)) <= most) {
      pieces.push({ start: from, end })
      break
    }
    const cut = cutOf(text.slice(from, Math.min(end, from + mostCharacters)), most)
    pieces.push({ start: from, end: from + cut })
    from += cut
  }
  return pieces.map((piece) => trimmed(text, piece)).filter((piece) => piece.end > piece.start)
}

function cutOf(window: string, most: number): number {
  let fits = window.length
  while (estimateTokens(window.slice(0, fits)) > most) fits = Math.floor(fits / 2)
  fits = Math.max(fits, 2)
  for (const pattern of ENDS) {
    let cut = 0
    for (const { index, 0: mark } of window.matchAll(pattern)) {
      if (index + mark.length > fits) break
      cut = index + mark.length
    }
    // A cut far from what fits would leave crumbs.
    if (cut * 4 > fits) return cut
  }
  const surrogate = window.charCodeAt(fits - 1)
  return surrogate >= 0xd800 && surrogate < 0xdc00 ? fits - 1 : fits
}

export function trimmed(
  text: string,
  { start, end }: { start: number; end: number },
): { start: number; end: number } {
  let from = start
  let to = end
  while (from < to && ' \t\r\n'.includes(text[from]!)) from++
  while (to > from && ' \t\r\n'.includes(text[to - 1]!)) to--
  return { start: from, end: to }
}
