import type { SearchItem } from '../../schema/methods/context.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import { excerpt } from './excerpt.ts'
import type { Hit, Retrieval, Retriever } from './retriever.ts'
import { scoreOf, type Why } from './score.ts'
import { matchTerms } from './term-weights.ts'
import type { Titles } from './titles.ts'
import { visibleText } from './visibility.ts'

/** Characters of a hit's text. */
const EXCERPT = 400
/** Under this share of the query's weight the best hit is no evidence. */
export const WEAK_COVERAGE = 0.35
/** A conversation is found by its title, and by its best unit at a discount: the unit itself is the better answer. */
const BY_UNIT = 0.9
/** A title or label holds few words: its match counts as much as that of a short text of this length. */
const TITLE_LENGTH = 8

type Scored = Omit<SearchItem, 'why' | 'text'> & { readonly text: () => string; readonly why: readonly Why[] }

export interface SearchParts {
  readonly retriever: Retriever
  readonly titles: Titles
}

/** Answers `search.query`: all kinds on one scale, best first, ties by kind and id. */
export function search(
  { retriever, titles }: SearchParts,
  params: Params<'search.query'>,
  maxSecurityLevel: number,
): Result<'search.query'> {
  const { query, limit, from, to, includeArchived, explain } = params
  const kinds = new Set(params.kinds ?? ['conversation', 'message', 'unit', 'topic'])
  const retrieval = retriever.retrieve(query, { maxSecurityLevel, includeArchived, from, to })
  const scored: Scored[] = []
  if (kinds.has('unit')) scored.push(...unitItems(retrieval, maxSecurityLevel))
  if (kinds.has('message')) scored.push(...messageItems(retrieval, maxSecurityLevel))
  if (kinds.has('conversation'))
    scored.push(...conversationItems(retrieval, titles, { includeArchived, from, to }, maxSecurityLevel))
  if (kinds.has('topic') && from === undefined && to === undefined)
    scored.push(...topicItems(retrieval, titles, maxSecurityLevel))
  scored.sort((a, b) => b.score - a.score || compare(a.kind, b.kind) || compare(a.id, b.id))
  return {
    items: scored.slice(0, limit).map(({ text, why, ...item }) => ({
      ...item,
      text: text(),
      ...(explain ? { why: [...why] } : {}),
    })),
    weak: isWeak(retrieval),
  }
}

export function isWeak({ hits }: Retrieval): boolean {
  const best = hits.slice(0, 5).reduce((most, { coverage }) => Math.max(most, coverage), 0)
  return best < WEAK_COVERAGE
}

function unitItems(retrieval: Retrieval, maxSecurityLevel: number): Scored[] {
  return bestPer(retrieval.hits, ({ unit }) => unit.id).map((hit) => ({
    ...itemOf(retrieval, hit, maxSecurityLevel),
    kind: 'unit',
    id: hit.unit.id,
  }))
}

function messageItems(retrieval: Retrieval, maxSecurityLevel: number): Scored[] {
  return bestPer(retrieval.hits, ({ place }) => place.messageId).map((hit) => ({
    ...itemOf(retrieval, hit, maxSecurityLevel),
    kind: 'message',
    id: hit.place.messageId,
  }))
}

function itemOf({ weights }: Retrieval, { place, text, score, why }: Hit, maxSecurityLevel: number) {
  return {
    messageId: place.messageId,
    originalMessageId: place.originalMessageId,
    conversationId: place.conversationId,
    score,
    text: () => excerpt(visibleText(text, maxSecurityLevel), weights.idf, EXCERPT),
    date: place.createdAt,
    why,
  }
}

function conversationItems(
  { hits, weights }: Retrieval,
  titles: Titles,
  filter: { includeArchived: boolean; from?: number | undefined; to?: number | undefined },
  maxSecurityLevel: number,
): Scored[] {
  const best = new Map(
    bestPer(hits, ({ place }) => place.conversationId).map((hit) => [hit.place.conversationId, hit]),
  )
  return titles.conversations().flatMap(({ id, title, archived, updatedAt, terms }) => {
    if (archived && !filter.includeArchived) return []
    const hit = best.get(id)
    const inTime =
      (filter.from === undefined && filter.to === undefined) ||
      (updatedAt !== null && updatedAt >= (filter.from ?? -Infinity) && updatedAt <= (filter.to ?? Infinity))
    if (!hit && !inTime) return []
    const match = matchTerms(weights, terms, [], TITLE_LENGTH)
    if (!hit && match.terms.size === 0) return []
    const why: Why[] = []
    if (match.terms.size > 0) why.push({ term: 'title', value: roundTo(match.bm25 + match.coverage / 2) })
    if (hit && hit.score > 0) why.push({ term: 'best unit', value: roundTo(hit.score * BY_UNIT) })
    // The stronger of the two reasons decides; the other adds a tenth.
    const [first, second] = why.sort((a, b) => b.value - a.value)
    if (!first) return []
    const parts = second ? [first, { term: second.term, value: roundTo(second.value / 10) }] : [first]
    return [
      {
        kind: 'conversation' as const,
        id,
        messageId: null,
        originalMessageId: null,
        conversationId: id,
        score: scoreOf(parts),
        text: () => excerpt(visibleText(title, maxSecurityLevel), weights.idf, EXCERPT),
        date: updatedAt,
        why: parts,
      },
    ]
  })
}

function topicItems({ weights }: Retrieval, titles: Titles, maxSecurityLevel: number): Scored[] {
  return titles.topics().flatMap((topic) => {
    const match = matchTerms(weights, topic.labelTerms, topic.otherTerms, TITLE_LENGTH)
    if (match.terms.size === 0) return []
    const why = [{ term: 'label and terms', value: roundTo(match.bm25 + match.coverage / 2) }]
    return [
      {
        kind: 'topic' as const,
        id: topic.id,
        messageId: null,
        originalMessageId: null,
        conversationId: null,
        score: scoreOf(why),
        text: () => visibleText(`${topic.label}: ${topic.terms.join(', ')}`, maxSecurityLevel),
        date: topic.lastSeenAt,
        why,
      },
    ]
  })
}

/** The first of each group; hits come best first. */
function bestPer(hits: readonly Hit[], key: (hit: Hit) => string): Hit[] {
  const best = new Map<string, Hit>()
  for (const hit of hits) if (!best.has(key(hit))) best.set(key(hit), hit)
  return [...best.values()]
}

function roundTo(value: number): number {
  return Math.round(value * 1e6) / 1e6
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
