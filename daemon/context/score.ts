import type { DateWindow } from './dates.ts'

/** One reason of a score; they add up to it. */
export interface Why {
  readonly term: string
  readonly value: number
}

/**
 * Weights of the evidence, round numbers set before any measurement: a full match of the words is about 1; what a
 * hit's surroundings say may lift it, never outweigh a full match.
 */
export const WEIGHTS = {
  coverage: 0.5,
  phrase: 0.5,
  fragment: 0.3,
  /** A neighbour's own match, halved with every message further away. */
  neighbours: 0.4,
  /** Share of the query's weight that the whole conversation holds. */
  conversation: 0.2,
  role: 0.15,
  author: 0.3,
  date: 0.4,
  quality: 0.1,
  recency: 0.05,
  notLive: -0.3,
  /** Tool output and system text are rarely what somebody remembers. */
  aside: -0.2,
} as const

const RECENCY_HALF_LIFE_MS = 180 * 24 * 60 * 60 * 1000

export interface Evidence {
  readonly bm25: number
  readonly coverage: number
  readonly phrases: number
  readonly fragments: number
  readonly neighbours: number
  readonly conversation: number
  readonly roleMatches: boolean
  readonly authorMatches: boolean
  readonly dates: readonly DateWindow[]
  readonly at: number | null
  /** The newest time known: recency never looks at the clock. */
  readonly newest: number | null
  readonly quality: number
  readonly live: boolean
  readonly role: string
}

/** The terms of a score; those that say nothing are left out. */
export function explainScore(evidence: Evidence): Why[] {
  const { at, newest, dates, role } = evidence
  const terms: Why[] = [
    { term: 'bm25', value: evidence.bm25 },
    { term: 'coverage', value: WEIGHTS.coverage * evidence.coverage },
    { term: 'phrase', value: WEIGHTS.phrase * evidence.phrases },
    { term: 'fragment', value: WEIGHTS.fragment * evidence.fragments },
    { term: 'neighbours', value: WEIGHTS.neighbours * Math.min(1, evidence.neighbours) },
    { term: 'conversation', value: WEIGHTS.conversation * evidence.conversation },
    { term: 'role', value: evidence.roleMatches ? WEIGHTS.role : 0 },
    { term: 'author', value: evidence.authorMatches ? WEIGHTS.author : 0 },
    {
      term: 'date',
      value: at !== null && dates.some(({ from, to }) => at >= from && at < to) ? WEIGHTS.date : 0,
    },
    { term: 'quality', value: (WEIGHTS.quality * (evidence.quality - 50)) / 50 },
    { term: 'recency', value: WEIGHTS.recency * recency(at, newest) },
    { term: 'branch', value: evidence.live ? 0 : WEIGHTS.notLive },
    { term: 'role aside', value: role === 'tool' || role === 'system' ? WEIGHTS.aside : 0 },
  ]
  return terms.map(({ term, value }) => ({ term, value: rounded(value) })).filter(({ value }) => value !== 0)
}

export function scoreOf(why: readonly Why[]): number {
  return rounded(why.reduce((sum, { value }) => sum + value, 0))
}

/** Six decimals: what is shown adds up, and no last bit decides an order. */
export function rounded(value: number): number {
  return Math.round(value * 1e6) / 1e6 || 0
}

function recency(at: number | null, newest: number | null): number {
  if (at === null || newest === null) return 0
  return 0.5 ** (Math.max(0, newest - at) / RECENCY_HALF_LIFE_MS)
}
