import { findMails, findPhoneNumbers } from './contact-details.ts'
import { findPlacesAndDates } from './places-and-dates.ts'
import { detectSecrets, SEALED_MARKER } from './secrets.ts'
import { withoutOverlaps } from './span.ts'

/** Part of a text above level 2. UTF-16 offsets, `end` exclusive. */
export interface LevelSpan {
  readonly start: number
  readonly end: number
  /** 3 identifying, 5 secret. */
  readonly level: number
  /** `email`, `phone`, `address`, `birth_date`, or the kind of a secret. */
  readonly kind: string
}

export interface DetectedSpan extends LevelSpan {
  /** Id of the rule that found it: `security.email`. */
  readonly rule: string
}

/** Spans of level 3 and 5, sorted, without overlaps; where two meet, the higher level stays. */
export function detectSpans(text: string): DetectedSpan[] {
  const secrets = [...detectSecrets(text), ...sealedSpans(text)].map((span) => leveled(span, 5))
  const identifying = [...findMails(text), ...findPhoneNumbers(text), ...findPlacesAndDates(text)].map(
    (span) => leveled(span, 3),
  )
  const apart = identifying.filter(
    ({ start, end }) => !secrets.some((secret) => start < secret.end && end > secret.start),
  )
  return withoutOverlaps([...secrets, ...apart])
}

/** The text with every span above `maxLevel` replaced by `⟦hidden:<kind>⟧`. */
export function maskSpans(text: string, spans: readonly LevelSpan[], maxLevel: number): string {
  let masked = ''
  let from = 0
  const above = spans.filter(({ level }) => level > maxLevel).sort((a, b) => a.start - b.start)
  for (const { start, end, kind } of above) {
    if (end <= from) continue
    // Of spans that overlap, what the second hides beyond the first goes under the first's marker.
    if (start >= from) masked += `${text.slice(from, start)}⟦hidden:${kind}⟧`
    from = end
  }
  return masked + text.slice(from)
}

function leveled({ start, end, kind }: Omit<LevelSpan, 'level'>, level: number): DetectedSpan {
  return { start, end, kind, level, rule: `security.${kind}` }
}

function sealedSpans(text: string): Omit<LevelSpan, 'level'>[] {
  if (!text.includes('⟦sealed:')) return []
  return Array.from(text.matchAll(SEALED_MARKER), ({ index, 0: marker }) => ({
    start: index,
    end: index + marker.length,
    kind: marker.split(':')[1]!,
  }))
}
