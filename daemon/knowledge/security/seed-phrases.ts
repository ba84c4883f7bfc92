import { BIP39_WORDS } from './bip39-words.ts'
import type { SecretSpan } from './span.ts'

const SHORTEST = 12
/** What may stand between two words of a phrase: blanks, commas, and the numbers of a list. */
const BETWEEN = /^(?:[\s|]|[,;]|\d{1,2}[.):]?|[.):])+$/

let words: Set<string> | undefined

/** Runs of at least 12 words of the BIP-39 list. Prose has "the", "a" or "of" long before that. */
export function findSeedPhrases(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  let run: { start: number; end: number }[] = []
  const close = () => {
    if (run.length >= SHORTEST && run.length <= 48)
      spans.push({ start: run[0]!.start, end: run.at(-1)!.end, kind: 'seed_phrase' })
    run = []
  }
  for (let at = 0; at < text.length; ) {
    const start = at
    while (isLetter(text.charCodeAt(at))) at++
    const length = at - start
    if (length === 0) {
      at++
      continue
    }
    // Words come first by length, the table only for runs that could still be one.
    const fits = length > 2 && length < 9 && isWord(text.slice(start, at))
    if (!fits || (run.length > 0 && !joins(text, run.at(-1)!.end, start))) close()
    if (fits) run.push({ start, end: at })
  }
  close()
  return spans
}

function joins(text: string, end: number, start: number): boolean {
  if (start === end + 1 && text.charCodeAt(end) === 32) return true
  return start - end < 12 && BETWEEN.test(text.slice(end, start))
}

function isLetter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 65 && code <= 90)
}

function isWord(text: string): boolean {
  words ??= new Set(BIP39_WORDS)
  return words.has(text) || words.has(text.toLowerCase())
}
