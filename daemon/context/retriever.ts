import { plainForm, termsOf } from '../knowledge/words/terms.ts'
import type { Vault } from '../vault/vault.ts'
import { findCandidates } from './candidates.ts'
import { Corpus } from './corpus.ts'
import { type DateWindow, dateWindowsOf } from './dates.ts'
import { analyseQuery, type Query } from './query.ts'
import { explainScore, rounded, scoreOf, type Why } from './score.ts'
import { type Match, matchTerms, type TermWeights, weighTerms } from './term-weights.ts'
import { type Place, type Unit, UnitReader } from './unit-reader.ts'
import { visibleUnit } from './visibility.ts'

export interface RetrievalOptions {
  readonly maxSecurityLevel: number
  readonly includeArchived?: boolean
  /** Message times, milliseconds UTC, both inclusive. */
  readonly from?: number | undefined
  readonly to?: number | undefined
}

/** A unit at the best of its places, as the caller may see it. */
export interface Hit {
  readonly unit: Unit
  readonly place: Place
  readonly text: string
  readonly masked: boolean
  readonly score: number
  readonly coverage: number
  readonly why: readonly Why[]
}

export interface Retrieval {
  readonly query: Query
  readonly weights: TermWeights
  /** Best first, ties by id; one entry per unit and message. */
  readonly hits: readonly Hit[]
  /** Units that matched and may not be shown to this caller. */
  readonly refused: readonly { id: string; reason: 'security' | 'archived' }[]
}

/** Messages whose surroundings are looked at, and how far. */
const EXPANDED = 24
const REACH = 2
/** Neighbours count up to this distance, each step half of the one before. */
const NEIGHBOURS = 3
const REFUSED_NAMED = 50

/** Finds the units that answer a query. One per open vault: it keeps what it read until the database changes. */
export class Retriever {
  readonly corpus: Corpus
  readonly #vault: Vault
  readonly #units: UnitReader

  constructor(vault: Vault) {
    this.#vault = vault
    this.corpus = new Corpus(vault)
    this.#units = new UnitReader(vault, this.corpus)
  }

  retrieve(text: string, options: RetrievalOptions): Retrieval {
    this.corpus.refresh()
    const query = analyseQuery(text)
    const found = this.#units.read(findCandidates(this.#vault, this.corpus, query))
    const weights = weighTerms(this.corpus, query, found)
    const refused: { id: string; reason: 'security' | 'archived' }[] = []
    const seen = this.#see(found, query, weights, options, (id, reason) => {
      if (refused.length < REFUSED_NAMED) refused.push({ id, reason })
    }).filter(({ match, fragments }) => match.terms.size > 0 || fragments > 0)
    const around = this.#see(this.#surroundings(seen, found), query, weights, options, () => {})
    return { query, weights, hits: this.#rank([...seen, ...around], query, weights), refused }
  }

  /** The units of these rows, as stored. */
  read(rows: readonly number[]): Unit[] {
    return this.#units.read(rows)
  }

  /** Units as the caller may see them, at the places the caller asks for, with how their visible text matches. */
  #see(
    units: readonly Unit[],
    query: Query,
    weights: TermWeights,
    options: RetrievalOptions,
    refuse: (id: string, reason: 'security' | 'archived') => void,
  ): Seen[] {
    const typicalLength = medianLength(units)
    return units.flatMap((unit) => {
      const shown = options.includeArchived
        ? unit.places
        : unit.places.filter(({ archived }) => !archived && !unit.archived)
      if (shown.length === 0) {
        refuse(unit.id, 'archived')
        return []
      }
      const places = shown.filter((place) => isAskedFor(place, options))
      if (places.length === 0) return []
      const visible = visibleUnit(unit.content, unit.level, unit.spans, options.maxSecurityLevel)
      if (!visible) {
        refuse(unit.id, 'security')
        return []
      }
      // A masked word must not be found by asking for it: only what is visible counts.
      const terms = visible.masked ? termsOf(visible.text) : unit.contentTerms
      const match = matchTerms(weights, terms, unit.contextTerms, typicalLength)
      const seen = {
        unit,
        ...visible,
        match,
        phrases: shareOf(query.phrases, (phrase) => containsRun(terms, phrase)),
        fragments: shareOf(query.fragments, (fragment) => plainForm(visible.text).includes(fragment)),
      }
      return onePerMessage(places).map((place) => ({ ...seen, place }))
    })
  }

  /** The units around the best matches: an answer often shares no word with its question. */
  #surroundings(seen: readonly Seen[], found: readonly Unit[]): Unit[] {
    const centres = [...seen].sort((a, b) => b.match.bm25 - a.match.bm25 || byIds(a, b)).slice(0, EXPANDED)
    const wanted = new Map<string, { conversationId: string; position: number }>()
    for (const { place } of centres)
      for (let distance = -REACH; distance <= REACH; distance++)
        wanted.set(`${place.conversationId} ${place.position + distance}`, {
          conversationId: place.conversationId,
          position: place.position + distance,
        })
    const known = new Set(found.map(({ row }) => row))
    const rows = this.#units.rowsAt([...wanted.values()]).filter((row) => !known.has(row))
    return this.#units
      .read(rows)
      .map((unit) => ({
        ...unit,
        places: unit.places.filter((place) => wanted.has(`${place.conversationId} ${place.position}`)),
      }))
      .filter(({ places }) => places.length > 0)
  }

  #rank(seen: readonly Seen[], query: Query, weights: TermWeights): Hit[] {
    const surroundings = new Surroundings(seen, weights)
    const newest = this.corpus.newest
    const years = yearsOf(seen)
    const dates: readonly DateWindow[] = dateWindowsOf(query.text, years)
    const authors = new Map<string, boolean>()
    const isNamed = (author: string | null): boolean => {
      if (author === null) return false
      let named = authors.get(author)
      if (named === undefined) {
        const words = plainForm(author).match(/[\p{L}\p{N}]+/gu) ?? []
        named = words.some((word) => word.length > 1 && query.words.has(word))
        authors.set(author, named)
      }
      return named
    }
    return seen
      .map((one): Hit => {
        const { unit, place, match } = one
        const why = explainScore({
          bm25: match.bm25,
          coverage: match.coverage,
          phrases: one.phrases,
          fragments: one.fragments,
          neighbours: surroundings.neighboursOf(place),
          conversation: surroundings.coverageOf(place.conversationId),
          roleMatches: query.role !== undefined && place.role === query.role,
          authorMatches: isNamed(place.author),
          dates,
          at: place.createdAt,
          newest,
          quality: unit.quality,
          live: place.live,
          role: place.role,
        })
        return {
          unit,
          place,
          text: one.text,
          masked: one.masked,
          score: scoreOf(why),
          coverage: rounded(match.coverage),
          why,
        }
      })
      .sort((a, b) => b.score - a.score || byIds(a, b))
  }
}

interface Seen {
  readonly unit: Unit
  readonly place: Place
  readonly text: string
  readonly masked: boolean
  readonly match: Match
  readonly phrases: number
  readonly fragments: number
}

/** What the matches of one conversation say about each other. */
class Surroundings {
  readonly #best = new Map<string, number>()
  readonly #terms = new Map<string, Set<string>>()
  readonly #weights: TermWeights

  constructor(seen: readonly Seen[], weights: TermWeights) {
    this.#weights = weights
    for (const { place, match } of seen) {
      const key = `${place.conversationId} ${place.position}`
      this.#best.set(key, Math.max(this.#best.get(key) ?? 0, match.bm25))
      const terms = this.#terms.get(place.conversationId) ?? new Set()
      for (const term of match.terms) terms.add(term)
      this.#terms.set(place.conversationId, terms)
    }
  }

  neighboursOf({ conversationId, position }: Place): number {
    let sum = 0
    for (let distance = 1; distance <= NEIGHBOURS; distance++) {
      const before = this.#best.get(`${conversationId} ${position - distance}`) ?? 0
      const after = this.#best.get(`${conversationId} ${position + distance}`) ?? 0
      sum += (before + after) / 2 ** (distance - 1)
    }
    return sum
  }

  coverageOf(conversationId: string): number {
    let covered = 0
    for (const term of this.#terms.get(conversationId) ?? []) covered += this.#weights.idf.get(term) ?? 0
    return covered / this.#weights.total
  }
}

function isAskedFor(place: Place, { from, to }: RetrievalOptions): boolean {
  if (from === undefined && to === undefined) return true
  if (place.createdAt === null) return false
  return place.createdAt >= (from ?? -Infinity) && place.createdAt <= (to ?? Infinity)
}

function onePerMessage(places: readonly Place[]): Place[] {
  return [...new Map(places.toReversed().map((place) => [place.messageId, place])).values()]
}

/** The median: one pasted log must not make every other text look short. */
function medianLength(units: readonly Unit[]): number {
  const lengths = units.map(({ contentTerms }) => contentTerms.length).sort((a, b) => a - b)
  return Math.max(1, lengths[lengths.length >> 1] ?? 1)
}

/** The years the candidates come from: a date without a year may mean any of them. */
function yearsOf(seen: readonly Seen[]): number[] {
  const years = new Set<number>()
  for (const { place } of seen)
    if (place.createdAt !== null) years.add(new Date(place.createdAt).getUTCFullYear())
  return [...years].sort((a, b) => a - b)
}

function containsRun(terms: readonly string[], run: readonly string[]): boolean {
  for (let at = terms.indexOf(run[0]!); at !== -1; at = terms.indexOf(run[0]!, at + 1))
    if (run.every((term, i) => terms[at + i] === term)) return true
  return false
}

function shareOf<T>(list: readonly T[], holds: (one: T) => boolean): number {
  return list.length === 0 ? 0 : list.filter(holds).length / list.length
}

function byIds(a: { unit: Unit; place: Place }, b: { unit: Unit; place: Place }): number {
  return compare(a.unit.id, b.unit.id) || compare(a.place.messageId, b.place.messageId)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
