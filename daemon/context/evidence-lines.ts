import { detectSpans, type LevelSpan } from '../knowledge/security/levels.ts'
import type { Line } from './bundle-lines.ts'
import { dayText } from './dates.ts'
import { excerpt } from './excerpt.ts'
import { quoteLine, quoteText } from './quote.ts'
import type { Hit, Retrieval } from './retriever.ts'
import type { Unit } from './unit-reader.ts'
import { maskShown, visibleText } from './visibility.ts'

/** A hit as it may be quoted: whole, and cut to the sentences around its words when it is long. */
export interface EvidenceLine {
  readonly hit: Hit
  readonly whole: Line
  readonly short: Line | undefined
  /** Conversation and day: written once above neighbours. */
  readonly group: string
}

/** Hits that score under this share of the best are left out, however much room there is. */
const SCORE_FLOOR = 0.2
/** One long unit must not use up what is read of all. */
const MOST_OF_ONE = 0.25
/** Characters of a hit that is cut. */
const SHORT = 360

/** Hits worth quoting, best first, with at most `characters` in sum; what is passed over for a reason is named. */
export function evidenceLines(
  { hits, weights }: Retrieval,
  maxSecurityLevel: number,
  characters: number,
  drop: (id: string, reason: string) => void,
): EvidenceLine[] {
  const lines: EvidenceLine[] = []
  const taken = new Set<string>()
  const titles = new Map<string, string>()
  const floor = Math.max(0, (hits[0]?.score ?? 0) * SCORE_FLOOR)
  const most = Math.max(SHORT, characters * MOST_OF_ONE)
  let left = characters
  for (const hit of hits) {
    if (hit.score <= floor || left <= 0) break
    const { unit, place } = hit
    if (taken.has(unit.id)) continue
    const same = hit.text.replace(/\s+/g, ' ').trim().toLowerCase()
    if (taken.has(same)) {
      drop(unit.id, 'duplicate')
      continue
    }
    taken.add(unit.id).add(same)
    let title = titles.get(place.title)
    if (title === undefined) {
      title = quoteLine(visibleText(place.title, maxSecurityLevel), 80)
      titles.set(place.title, title)
    }
    const group = [place.createdAt === null ? '' : dayText(place.createdAt), title]
      .filter((part) => part !== '')
      .join(' — ')
    const shown = lookAgain(hit, maxSecurityLevel)
    const text = excerpt(shown, weights.idf, most)
    const whole = lineOf(hit, text, group)
    lines.push({
      hit,
      whole,
      short: text.length > SHORT * 1.5 ? lineOf(hit, excerpt(shown, weights.idf, SHORT), group) : undefined,
      group,
    })
    left -= text.length
  }
  return lines
}

const spansOfUnits = new WeakMap<Unit, readonly LevelSpan[]>()

/**
 * A hit's text, checked once more: the vault may hold units of an older extractor that knew less. What was found in a
 * unit is kept as long as the unit is.
 */
function lookAgain({ unit, text, masked }: Hit, maxSecurityLevel: number): string {
  if (masked) return visibleText(text, maxSecurityLevel)
  let spans = spansOfUnits.get(unit)
  if (!spans) {
    spans = detectSpans(text)
    spansOfUnits.set(unit, spans)
  }
  return maskShown(text, spans, maxSecurityLevel)
}

/** Time order within the evidence, undated first; then conversation, message and place in it. */
export function chronological(a: EvidenceLine, b: EvidenceLine): number {
  const [left, right] = [a.hit.place, b.hit.place]
  return (
    day(left.createdAt) - day(right.createdAt) ||
    compare(left.conversationId, right.conversationId) ||
    left.position - right.position ||
    left.ordinal - right.ordinal ||
    compare(a.hit.unit.id, b.hit.unit.id)
  )
}

/** Days, so that what is said in one conversation on one day stands together. */
function day(at: number | null): number {
  return at === null ? -1 : Math.floor(at / 86_400_000)
}

function lineOf({ unit, place, score, why }: Hit, text: string, group: string): Line {
  const code = unit.class.startsWith('code:') ? ` (${quoteLine(unit.class.slice(5), 20)})` : ''
  return {
    layer: 'L5',
    group,
    body: `${quoteLine(place.author ?? place.role, 40)}${code}: ${quoteText(text)}`,
    score,
    source: {
      kind: 'unit',
      id: unit.id,
      messageId: place.messageId,
      originalMessageId: place.originalMessageId,
      conversationId: place.conversationId,
      date: place.createdAt,
      score,
      why,
      securityLevel: unit.level,
    },
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
