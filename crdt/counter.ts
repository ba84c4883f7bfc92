import { LIMITS } from '../schema/limits.ts'
import type { ClockState } from './hlc.ts'

/** What one log contributes to a counter, as its latest COUNTER operation says. */
export interface CounterCell extends ClockState {
  readonly value: number
}

/** A whole number that adds up with those of all other logs of a space without loss. Anything else is void. */
export function isContribution(value: unknown): value is number {
  return Number.isSafeInteger(value) && Math.abs(value as number) <= LIMITS.counterContribution
}

/** Of one log the later operation counts, in whatever order they come: within a log stamps grow. */
export function laterCell(present: CounterCell | undefined, next: CounterCell): CounterCell {
  if (!present) return next
  return present.ms > next.ms || (present.ms === next.ms && present.counter >= next.counter) ? present : next
}

/**
 * What the counter shows: the sum over its logs. A branch goes on from what the log it forked from said last, so of
 * it only what was added since counts. `parentOf` is the log a branch forked from.
 */
export function counterSum(
  cells: ReadonlyMap<number, { readonly value: number }>,
  parentOf: (log: number) => number | null,
): number {
  let sum = 0
  for (const [log, { value }] of cells) {
    let above = parentOf(log)
    while (above !== null && !cells.has(above)) above = parentOf(above)
    sum += value - (above === null ? 0 : cells.get(above)!.value)
  }
  return sum
}
