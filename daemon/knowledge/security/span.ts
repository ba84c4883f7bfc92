/** A stretch of text with what was found there. UTF-16 offsets, `end` exclusive. */
export interface SecretSpan {
  readonly start: number
  readonly end: number
  /** What it is, in `[a-z0-9_]`: it stands in the marker that replaces the text. */
  readonly kind: string
}

/** Sorted by place; of overlapping spans the earlier stays, of two with one start the longer. */
export function withoutOverlaps<T extends { start: number; end: number }>(spans: readonly T[]): T[] {
  const sorted = [...spans].sort((a, b) => a.start - b.start || b.end - a.end)
  const kept: T[] = []
  for (const span of sorted) if (span.start >= (kept.at(-1)?.end ?? 0)) kept.push(span)
  return kept
}
