import { wordsOf } from '../knowledge/words/terms.ts'

/** Up to the end of a sentence or line, with what closes it. */
const SENTENCE = /[^\n.!?…。！？]*(?:[.!?…。！？]+["'”’)\]]*|\n+|$)/gu
/** `3.14`, `node.js`: a mark with no space after it ends nothing. */
const INSIDE = /[.!?…]$/
const ELLIPSIS = '…'

interface Piece {
  readonly text: string
  readonly weight: number
}

/**
 * At most `limit` characters of a text: whole sentences around the one that says most of the query, in their order,
 * with `…` where something is left out. Without a matching sentence: the beginning. Never cuts a character in half.
 */
export function excerpt(text: string, idf: ReadonlyMap<string, number>, limit: number): string {
  if (text.length <= limit) return text
  const pieces = piecesOf(text, idf, limit)
  let best = 0
  for (const [i, { weight }] of pieces.entries()) if (weight > pieces[best]!.weight) best = i
  let from = best
  let to = best + 1
  let length = pieces[best]!.text.length
  // Grow to the side that says more; forward on a tie, since answers follow.
  for (;;) {
    const before = pieces[from - 1]
    const after = pieces[to]
    const fits = (piece: Piece | undefined) => piece !== undefined && length + piece.text.length <= limit - 2
    const forward = fits(after) && (!fits(before) || after!.weight >= before!.weight)
    if (forward) {
      length += after!.text.length
      to += 1
    } else if (fits(before)) {
      length += before!.text.length
      from -= 1
    } else break
  }
  const kept = pieces
    .slice(from, to)
    .map((piece) => piece.text)
    .join('')
    .trim()
  return (from > 0 ? ELLIPSIS : '') + kept + (to < pieces.length ? ELLIPSIS : '')
}

/** A text's first `length` UTF-16 units, without half a surrogate pair at the end. */
export function beginning(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** Sentences; one longer than `limit` is cut into runs, since it has no better borders. */
function piecesOf(text: string, idf: ReadonlyMap<string, number>, limit: number): Piece[] {
  const most = Math.max(8, Math.floor(limit / 2))
  const pieces: Piece[] = []
  for (const sentence of sentencesOf(text)) {
    let rest = sentence
    while (rest.length > 0) {
      const piece = rest.length <= limit - 2 ? rest : beginning(rest, wordBorder(rest, most))
      pieces.push({ text: piece, weight: weightOf(piece, idf) })
      rest = rest.slice(piece.length)
    }
  }
  return pieces
}

function sentencesOf(text: string): string[] {
  const sentences: string[] = []
  let open = false
  for (const [piece] of text.matchAll(SENTENCE)) {
    if (open && !/^\s/.test(piece)) sentences[sentences.length - 1] += piece
    else sentences.push(piece)
    open = INSIDE.test(piece)
  }
  return sentences
}

function wordBorder(text: string, most: number): number {
  const space = text.lastIndexOf(' ', most)
  return space > most / 2 ? space + 1 : most
}

function weightOf(text: string, idf: ReadonlyMap<string, number>): number {
  let weight = 0
  for (const term of new Set(wordsOf(text).map((word) => word.term))) weight += idf.get(term) ?? 0
  return weight
}
