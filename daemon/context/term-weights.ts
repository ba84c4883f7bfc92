import { isUnspaced } from '../knowledge/words/terms.ts'
import type { Corpus } from './corpus.ts'
import type { Query } from './query.ts'
import type { Unit } from './unit-reader.ts'

/** How much each word of a query tells: rare words much, common ones little. */
export interface TermWeights {
  readonly idf: ReadonlyMap<string, number>
  /** Of all words together; above 0. */
  readonly total: number
}

export function weighTerms(corpus: Corpus, query: Query, candidates: readonly Unit[]): TermWeights {
  const idf = new Map<string, number>()
  const units = corpus.units
  let total = 0
  for (const { term } of query.terms) {
    // Pairs of characters stand in no vocabulary: what the candidates hold must do.
    const frequency = isUnspaced(term)
      ? candidates.filter(({ contentTerms }) => contentTerms.includes(term)).length
      : corpus.frequencyOf(term)
    const weight = Math.log(1 + (units - frequency + 0.5) / (frequency + 0.5))
    idf.set(term, Math.max(weight, 0.01))
    total += idf.get(term)!
  }
  return { idf, total: Math.max(total, 0.01) }
}

/** Saturation and length normalisation of BM25, at the usual values for short texts. */
const K1 = 0.9
const B = 0.4
/** A word in the title or headings counts half of one in the text. */
const CONTEXT_WEIGHT = 0.5

export interface Match {
  /** BM25 over the weight of all words: about 0 to 2. */
  readonly bm25: number
  /** Share of the query's weight that occurs, 0 to 1. */
  readonly coverage: number
  readonly terms: ReadonlySet<string>
}

/** How well a text and its context match. */
export function matchTerms(
  weights: TermWeights,
  content: readonly string[],
  context: readonly string[],
  typicalLength: number,
): Match {
  const counts = new Map<string, number>()
  for (const term of content) if (weights.idf.has(term)) counts.set(term, (counts.get(term) ?? 0) + 1)
  const inContext = new Set<string>()
  for (const term of context) if (weights.idf.has(term)) inContext.add(term)
  for (const term of inContext) counts.set(term, (counts.get(term) ?? 0) + CONTEXT_WEIGHT)
  const norm = K1 * (1 - B + (B * content.length) / typicalLength)
  let bm25 = 0
  let covered = 0
  for (const [term, count] of counts) {
    const idf = weights.idf.get(term)!
    bm25 += (idf * count * (K1 + 1)) / (count + norm)
    covered += idf * Math.min(1, count)
  }
  return { bm25: bm25 / weights.total, coverage: covered / weights.total, terms: new Set(counts.keys()) }
}
