import { detectSpans, maskSpans } from '../security/levels.ts'
import { isUnspaced, plainForm, stemOf, wordsOf } from '../words/terms.ts'
import { TOPIC_STOP_WORDS } from './stop-words.ts'

/** A term a text is about: one word or two neighbours. */
export interface TopicTerm {
  /** Stems: the same for every form of the word. */
  readonly key: string
  /** As it was written, for labels. */
  readonly surface: string
}

/** Verbs, fillers and chat words that say nothing about a subject, beyond the stop words. */
const EMPTY = new Set(
  `use make need want know think thing way look see get give go come take work help try start keep find show tell
  ask mean put run set add change case example question answer time day week month year lot bit kind sort point part
  good better best great sure thank please ok okay hello hi yes right well actually really quite still even much many
  first second third last next new old big small long short high low one two three four five ten number line step
  option idea reason result problem issue follow include create write read call check seem feel happen
  full fix fixed may fail return quality test function error live miss missing today tomorrow monday tuesday
  wednesday thursday friday saturday sunday january february march april june july august september october november
  december hour minute per cent percent half level million hurt
  place little gonna wanna yeah hey wow favorite favourite impact play watch push connect learn amaze awesome fun love
  enjoy share talk hear remember believe support hope wish guess wonder wait stay leave turn move bring text file
  geht gehen gut mehr ganz etwa beim gern danke bitte immer heute morgen mal frage antwort beispiel wort satz tag tage
  wäre wären hätte hätten möchte gerne richtig falsch`
    .split(/\s+/)
    .map((word) => stemOf(plainForm(word))),
)

const HIDDEN_MARKER = /⟦[^⟧]{0,100}⟧/g
const ADDRESS = /\b(?:https?:\/\/|www\.)\S+/g
const WRITTEN_WORD = /[\p{L}\p{N}\p{Mn}]+(?:['’.+#-][\p{L}\p{N}]+)*[+#]{0,2}/gu
const MAX_TEXT = 20_000

/** The terms of a text, each once. Identifying and secret spans, sealed markers and addresses are left out. */
export function topicTermsOf(text: string): TopicTerm[] {
  const open = maskSpans(text.slice(0, MAX_TEXT), detectSpans(text.slice(0, MAX_TEXT)), 2)
    .replace(HIDDEN_MARKER, ' . ')
    .replace(ADDRESS, ' . ')
  const terms = new Map<string, TopicTerm>()
  for (const clause of open.split(/[.,;:!?()[\]{}"“”„«»|\n]+(?=\s|$)|[\n|]+/)) {
    let before: TopicTerm | undefined
    for (const [written] of clause.matchAll(WRITTEN_WORD)) {
      const term = termOf(written)
      if (!term) {
        before = undefined
        continue
      }
      terms.set(term.key, terms.get(term.key) ?? term)
      if (before) {
        const pair = { key: `${before.key} ${term.key}`, surface: `${before.surface} ${term.surface}` }
        terms.set(pair.key, terms.get(pair.key) ?? pair)
      }
      before = term
    }
  }
  return [...terms.values()]
}

function termOf(written: string): TopicTerm | undefined {
  const words = wordsOf(written)
  const [word] = words
  if (!word || words.some(({ plain }) => TOPIC_STOP_WORDS.has(plain))) return undefined
  const key = words.map(({ term }) => term).join('')
  const letters = written.replace(/[^\p{L}]/gu, '').length
  if (letters < (isUnspaced(written) ? 2 : 3) || letters < written.length / 2 || written.length > 40)
    return undefined
  return EMPTY.has(key) ? undefined : { key, surface: written }
}
