import { stemmer } from 'stemmer'

/** A word of a text, in the forms topics are made of. */
export interface Word {
  /** Lower case without diacritics. */
  readonly plain: string
  /** After Porter; of a script without spaces one pair of characters. */
  readonly term: string
}

const WORD = /[\p{L}\p{N}\p{Mn}]+/gu
const UNSPACED =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}]/u
const STEMS_REMEMBERED = 20_000
const stems = new Map<string, string>()

/** The words of a text in order. Runs of a script without spaces become overlapping pairs of characters. */
export function wordsOf(text: string): Word[] {
  return Array.from(plainForm(text).matchAll(WORD), ([run]) =>
    UNSPACED.test(run)
      ? pairsOf(run).map((pair) => ({ plain: pair, term: pair }))
      : [{ plain: run, term: stemOf(run) }],
  ).flat()
}

export function plainForm(text: string): string {
  return text
    .toLowerCase()
    .normalize('NFD')
    .replace(/\p{Mn}/gu, '')
    .normalize('NFC')
}

export function isUnspaced(text: string): boolean {
  return UNSPACED.test(text)
}

export function stemOf(word: string): string {
  let stem = stems.get(word)
  if (stem === undefined) {
    if (stems.size >= STEMS_REMEMBERED) stems.clear()
    stem = /^[a-z]{3,40}$/.test(word) ? stemmer(word) : word
    stems.set(word, stem)
  }
  return stem
}

function pairsOf(run: string): string[] {
  const characters = [...run]
  return characters.length < 2
    ? characters
    : characters.slice(1).map((character, at) => characters[at]! + character)
}
