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

/** Text that has no unit of its own, a title or a label, under a caller's level. */
export function visibleText(text: string, maxLevel: number): string {
  return maskShown(text, detectSpans(text), maxLevel)
}

export function maskShown(text: string, spans: readonly LevelSpan[], maxLevel: number): string {
  return maskSpans(text, spans, Math.min(maxLevel, HIGHEST_SHOWN))
}

/**
 * A message, or its beginning, under a caller's level: what is found in it now, and what was found when its units
 * were made. Undefined when some of that cannot be found again in a whole message, or too little would be left.
 */
export function visibleMessage(
  text: string,
  isWhole: boolean,
  sensitive: readonly { text: string; level: number; kind: string }[],
  maxLevel: number,
): string | undefined {
  const shown = Math.min(maxLevel, HIGHEST_SHOWN)
  const spans: LevelSpan[] = detectSpans(text).filter(({ level }) => level > shown)
  for (const { text: needle, level, kind } of sensitive) {
    if (level <= shown || needle === '') continue
    const places = placesOf(text, needle)
    if (places.length === 0 && isWhole) return undefined
    for (const { start, end } of places) spans.push({ start, end, level, kind })
  }
  if (coveredLength(spans, text.length) > MASKED_SHARE * text.length) return undefined
  return maskSpans(text, spans, shown)
}

/** Where canonical text stands in its source, in which runs of white space are not folded yet. */
function placesOf(text: string, needle: string): { start: number; end: number }[] {
  const pattern = needle
    .split(/\s+/)
    .map((piece) => piece.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'))
    .join('\\s+')
  return Array.from(text.matchAll(new RegExp(pattern, 'g')), ({ index, 0: found }) => ({
    start: index,
    end: index + found.length,
  }))
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
