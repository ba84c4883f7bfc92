import { STOP_WORDS } from '../knowledge/words/stop-words.ts'
import { isUnspaced, plainForm, wordsOf } from '../knowledge/words/terms.ts'

/** One thing a query asks for. */
export interface QueryTerm {
  readonly term: string
  /** As it goes into a MATCH expression: letters and digits only. */
  readonly plain: string
}

export interface Query {
  readonly text: string
  /** Distinct, in order; stop-words only when there is nothing else. */
  readonly terms: readonly QueryTerm[]
  /** Only stop-words were said: what they match is chance. */
  readonly saysLittle: boolean
  /** Texts the query puts in quotes, as sequences of terms. */
  readonly phrases: readonly (readonly string[])[]
  /** Pieces for the trigram index: runs without spaces and identifiers, of 3 characters or more. */
  readonly fragments: readonly string[]
  /** Runs without spaces that are too short for it. */
  readonly shortRuns: readonly string[]
  /** Every word, stop-words too: whom the question names may be among them. */
  readonly words: ReadonlySet<string>
  /** Whose message the question is about. */
  readonly role: 'user' | 'assistant' | undefined
}

/** Distinct terms looked at: a pasted page is asked for by its first words. */
const TERMS = 64
const FRAGMENTS = 8
const PHRASES = 4
const SHORT_RUNS = 2

const QUOTED = /"([^"\n]{2,200})"|“([^”\n]{2,200})”|„([^“”\n]{2,200})[“”]/g
/** Maximal runs first, judged after: looking for a hump inside a run would be quadratic in its length. */
const JOINED_RUN = /[\p{L}\p{N}]+(?:[_.:/-][\p{L}\p{N}]+)*/gu
const IDENTIFIER = /[_.:/-]|\p{Ll}\p{Lu}|\p{L}\p{N}/u
const IDENTIFIER_LENGTH = { from: 3, to: 64 }
/** A longer text is read at its end, where the question mostly stands, and then at its beginning. */
const READ = { end: 6_000, beginning: 4_000 }
const ABOUT_ASSISTANT =
  /\b(?:did|have|had|do|could|would|were|are) you\b|\byou (?:said|suggest|recommend|told|mention|wrote|gave|propos|explain)|\byour (?:answer|suggest|recommend|advice|reply|explan|propos)|\bhast du\b|\bdu (?:hast|sagtest|empfahl|vorschlug)|\bdein(?:e|er|en|em)? (?:antwort|vorschlag|rat|empfehl|erklär)/i
const ABOUT_USER =
  /\b(?:did|have|had|do|am|was|were|should|would|can|could) i\b|\bi (?:said|told|asked|wrote|mention|bought|want|have|had|was|am|like|prefer|use|chose|decided|plan)|\b(?:my|mine|our)\b|\b(?:habe|hatte|bin|war|wollte|will|soll|kann) ich\b|\bich (?:habe|hatte|bin|war|wollte|sagte|fragte|schrieb)|\b(?:mein|unser)(?:e|er|en|em|es)?\b/i

/** Reads a query. Nothing of its syntax reaches FTS5: quotes, operators and punctuation end here. */
export function analyseQuery(whole: string): Query {
  const text =
    whole.length <= READ.end + READ.beginning
      ? whole
      : `${whole.slice(-READ.end)}\n${whole.slice(0, READ.beginning)}`.toWellFormed()
  const seen = new Map<string, QueryTerm>()
  const meaningful = new Map<string, QueryTerm>()
  const words = new Set<string>()
  for (const { plain, term } of wordsOf(text)) {
    words.add(plain)
    if (seen.size < TERMS) seen.set(term, { term, plain })
    if (meaningful.size < TERMS && !STOP_WORDS.has(plain))
      meaningful.set(term, meaningful.get(term) ?? { term, plain })
  }
  return {
    text,
    terms: [...(meaningful.size > 0 ? meaningful : seen).values()],
    saysLittle: meaningful.size === 0,
    phrases: phrasesOf(text),
    fragments: fragmentsOf(text),
    shortRuns: unspacedRuns(text)
      .filter((run) => [...run].length < 3)
      .slice(0, SHORT_RUNS),
    words,
    role: roleOf(text),
  }
}

function phrasesOf(text: string): string[][] {
  const phrases: string[][] = []
  for (const [, ...groups] of text.matchAll(QUOTED)) {
    const terms = wordsOf(groups.find((group) => group !== undefined) ?? '').map(({ term }) => term)
    if (terms.length > 0) phrases.push(terms)
    if (phrases.length === PHRASES) break
  }
  return phrases
}

function fragmentsOf(text: string): string[] {
  const fragments = new Set<string>()
  for (const run of unspacedRuns(text)) for (const piece of overlapping(run)) fragments.add(piece)
  for (const [word] of text.matchAll(JOINED_RUN))
    if (word.length >= IDENTIFIER_LENGTH.from && word.length <= IDENTIFIER_LENGTH.to && IDENTIFIER.test(word))
      fragments.add(plainForm(word))
  return [...fragments].slice(0, FRAGMENTS)
}

function unspacedRuns(text: string): string[] {
  return [...plainForm(text).matchAll(/[\p{L}\p{N}]+/gu)].map(([run]) => run).filter(isUnspaced)
}

/** A short run whole; a long one as pieces of three, since its words have no borders. */
function overlapping(run: string): string[] {
  const characters = [...run]
  if (characters.length < 3) return []
  return characters.slice(2).map((_, i) => characters.slice(i, i + 3).join(''))
}

function roleOf(text: string): Query['role'] {
  if (ABOUT_ASSISTANT.test(text)) return 'assistant'
  return ABOUT_USER.test(text) ? 'user' : undefined
}
