import type { DerivedConversation, DerivedLink, DerivedOccurrence } from './derive.ts'
import { canonicalText } from './ids.ts'
import { detectSpans, maskSpans } from './security/levels.ts'

/** A row of `acu_occurrences`, in the order of its columns. */
export type OccurrenceRow = readonly [
  acuId: string,
  messageId: string,
  conversationId: string,
  part: number,
  start: number,
  end: number,
  ordinal: number,
  heading: string | null,
  role: string,
  live: number,
  createdAt: number | null,
  type: string,
  category: string,
  quality: number,
  securityLevel: number,
  spansJson: string | null,
  rulesJson: string,
]

export function occurrenceRow(conversation: DerivedConversation, unit: DerivedOccurrence): OccurrenceRow {
  return [
    unit.id,
    unit.messageId,
    conversation.id,
    unit.part,
    unit.start,
    unit.end,
    unit.ordinal,
    unit.heading,
    unit.role,
    unit.live ? 1 : 0,
    unit.createdAt,
    unit.type,
    unit.category,
    unit.quality,
    unit.securityLevel,
    unit.spans.length > 0 ? JSON.stringify(unit.spans) : null,
    JSON.stringify(unit.rules),
  ]
}

/** What one occurrence says of its unit. */
export interface UnitWitness {
  readonly messageId: string
  readonly part: number
  readonly start: number
  readonly heading: string | null
  readonly author: string | null
  readonly title: string
  readonly archived: boolean
  readonly type: string
  readonly category: string
  readonly quality: number
  readonly securityLevel: number
}

/** What a unit is by all its occurrences. */
export interface UnitAggregate {
  readonly context: string
  readonly type: string
  readonly category: string
  readonly quality: number
  readonly securityLevel: number
  readonly state: 'ACTIVE' | 'ARCHIVED'
}

/** Security and quality are the highest; type, category and context those of the lowest (message, part, start). */
export function aggregateUnit(witnesses: readonly UnitWitness[]): UnitAggregate {
  const lowest = witnesses.reduce((low, next) => (isBefore(next, low) ? next : low))
  return {
    context: contextOf(lowest),
    type: lowest.type,
    category: lowest.category,
    quality: witnesses.reduce((high, { quality }) => Math.max(high, quality), 0),
    securityLevel: witnesses.reduce((high, { securityLevel }) => Math.max(high, securityLevel), 0),
    state: witnesses.every(({ archived }) => archived) ? 'ARCHIVED' : 'ACTIVE',
  }
}

function isBefore(a: UnitWitness, b: UnitWitness): boolean {
  if (a.messageId !== b.messageId) return a.messageId < b.messageId
  return a.part - b.part < 0 || (a.part === b.part && a.start < b.start)
}

/** Title, headings and author, without what is secret in them: an index holds this too. */
export function contextOf({
  title,
  heading,
  author,
}: Pick<UnitWitness, 'title' | 'heading' | 'author'>): string {
  const context = canonicalText([title, heading, author].filter(Boolean).join(' · '))
  return maskSpans(context, detectSpans(context), 4)
}

/** One line of a link's `evidence_json`: where it was seen, how strongly, by which rule. */
export type LinkEvidence = readonly [
  conversationId: string,
  sourceMessageId: string,
  targetMessageId: string,
  weight: number,
  rule: string,
]

/** The evidence of one conversation's links, by link id. */
export function evidenceByLink(
  conversationId: string,
  links: readonly DerivedLink[],
): Map<string, { link: DerivedLink; evidence: LinkEvidence[] }> {
  const byLink = new Map<string, { link: DerivedLink; evidence: LinkEvidence[] }>()
  for (const link of links) {
    const { id, sourceMessageId, targetMessageId, weight, rule } = link
    const entry = byLink.get(id) ?? { link, evidence: [] }
    entry.evidence.push([conversationId, sourceMessageId, targetMessageId, weight, rule])
    byLink.set(id, entry)
  }
  return byLink
}

/** In one order whatever the order of arrival; equal lines count once. */
export function sortedEvidence(evidence: readonly LinkEvidence[]): LinkEvidence[] {
  const lines = new Map(evidence.map((line) => [JSON.stringify(line), line]))
  return [...lines].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, line]) => line)
}
