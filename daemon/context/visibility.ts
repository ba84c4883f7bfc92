import { detectSpans, type LevelSpan, maskSpans } from '../knowledge/security/levels.ts'

/** The highest level any caller is shown through search or a bundle: level 5 stays behind its own call. */
export const HIGHEST_SHOWN = 4

/** A unit of which more than this share is masked is dropped: what is left says nothing. */
const MASKED_SHARE = 0.3

/** How a text looks to one caller; undefined when it may not be shown at all. */
export interface Visible {
  readonly text: string
  readonly masked: boolean
}

/**
 * A unit's text under a caller's level. `level` is the unit's own: when it lies above the caller's and no span
 * explains it, the whole unit is what is sensitive.
 */
export function visibleUnit(
  content: string,
  level: number,
  spans: readonly LevelSpan[],
  maxLevel: number,
): Visible | undefined {
  const shown = Math.min(maxLevel, HIGHEST_SHOWN)
  if (level <= shown) return { text: content, masked: false }
  const above = spans
    .filter((span) => span.level > shown && span.start < content.length)
    .map((span) => ({ ...span, end: Math.min(span.end, content.length) }))
  if (!above.some((span) => span.level >= level)) return undefined
  if (coveredLength(above, content.length) > MASKED_SHARE * content.length) return undefined
  return { text: maskSpans(content, above, shown), masked: true }
}

/** Text that has no unit of its own, a title or a message, under a caller's level. */
export function visibleText(text: string, maxLevel: number): string {
  const shown = Math.min(maxLevel, HIGHEST_SHOWN)
  return maskSpans(text, detectSpans(text), shown)
}

function coveredLength(spans: readonly LevelSpan[], length: number): number {
  let covered = 0
  let at = 0
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    const from = Math.max(start, at)
    const to = Math.min(end, length)
    if (to <= from) continue
    covered += to - from
    at = to
  }
  return covered
}
