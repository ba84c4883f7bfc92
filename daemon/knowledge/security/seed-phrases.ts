import { BIP39_WORDS } from './bip39-words.ts'
import type { SecretSpan } from './span.ts'

const SHORTEST = 12
/** More than two phrases in one row is a list of words. */
const LONGEST = 48
/** What may stand between two words of a phrase: blanks, commas, and the numbers of a list. */
const BETWEEN = /^(?:[\s|]|[,;]|\d{1,2}[.):]?|[.):])+$/

let words: Set<string> | undefined

/** Runs of at least 12 words of the BIP-39 list. Prose has "the", "a" or "of" long before that. */
export function findSeedPhrases(text: string): SecretSpan[] {
  const spans: SecretSpan[] = []
  // A run of words whose lengths fit is only looked up once it is long enough.
  let runStart = 0
  let runEnd = 0
  let count = 0
  const close = () => {
    if (count >= SHORTEST) spans.push(...phrasesIn(text, runStart, runEnd))
    count = 0
  }
  for (let at = 0; at < text.length; at++) {
    if (!isLetter(text.charCodeAt(at))) continue
    const start = at
    while (isLetter(text.charCodeAt(++at)));
    const length = at - start
    if (count > 0 && !joins(text, runEnd, start)) close()
    if (length < 3 || length > 8) {
      close()
      continue
    }
    if (count++ === 0) runStart = start
    runEnd = at
  }
  close()
  return spans
}

function phrasesIn(text: string, from: number, to: number): SecretSpan[] {
  words ??= new Set(BIP39_WORDS)
  const spans: SecretSpan[] = []
  let run: { start: number; end: number }[] = []
  const close = () => {
    if (run.length >= SHORTEST && run.length <= LONGEST)
      spans.push({ start: run[0]!.start, end: run.at(-1)!.end, kind: 'seed_phrase' })
    run = []
  }
  for (const { index, 0: word } of text.slice(from, to).matchAll(/[A-Za-z]+/g)) {
    if (words.has(word.toLowerCase())) run.push({ start: from + index, end: from + index + word.length })
    else close()
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
