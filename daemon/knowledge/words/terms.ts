import { stemmer } from 'stemmer'

/** A word of a text, in the forms the indexes know. */
export interface Word {
  /** Lower case without diacritics: what FTS5's unicode61 makes of it. */
  readonly plain: string
  /** After Porter; for scripts without spaces one pair of characters. */
  readonly term: string
}

/** FTS5's porter leaves shorter and longer tokens as they are; bytes. */
const STEMMED = { from: 3, to: 64 }
const STEMS_REMEMBERED = 20_000
const stems = new Map<string, string>()

/** Runs of letters and digits; everything else separates, as in unicode61. */
const WORD = /[\p{L}\p{N}\p{Co}\p{Mn}]+/gu
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u
const ASCII = /^[\0-\x7f]*$/

/** The words of a text in order. Runs of a script without spaces become overlapping pairs of characters. */
export function wordsOf(text: string): Word[] {
  const words: Word[] = []
  for (const [run] of plainForm(text).matchAll(WORD)) {
    if (UNSPACED.test(run)) for (const pair of pairsOf(run)) words.push({ plain: pair, term: pair })
    else words.push({ plain: run, term: stemOf(run) })
  }
  return words
}

export function termsOf(text: string): string[] {
  return wordsOf(text).map(({ term }) => term)
}

/** Lower case without diacritics. */
export function plainForm(text: string): string {
  const lower = text.toLowerCase()
  if (ASCII.test(lower)) return lower
  return lower
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .normalize('NFC')
}

export function isUnspaced(text: string): boolean {
  return UNSPACED.test(text)
}

export function stemOf(word: string): string {
  let stem = stems.get(word)
  if (stem === undefined) {
    if (stems.size >= STEMS_REMEMBERED) stems.clear()
    stem = ASCII.test(word) ? porter(word) : fromByteCharacters(porter(toByteCharacters(word)))
    stems.set(word, stem)
  }
  return stem
}

function porter(word: string): string {
  return word.length < STEMMED.from || word.length > STEMMED.to ? word : stemmer(word)
}

/** FTS5 counts bytes: `ß` are two consonants to it. Each byte becomes a character no rule knows. */
function toByteCharacters(word: string): string {
  return Array.from(Buffer.from(word), (byte) =>
    String.fromCharCode(byte < 0x80 ? byte : 0xe000 + byte),
  ).join('')
}

function fromByteCharacters(text: string): string {
  return Buffer.from(Array.from(text, (character) => character.charCodeAt(0) & 0xff)).toString()
}

function pairsOf(run: string): string[] {
  const characters = [...run]
  if (characters.length === 1) return characters
  return characters.slice(1).map((character, i) => characters[i]! + character)
}
