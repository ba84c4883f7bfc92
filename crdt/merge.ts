import type { Value } from '../schema/entities/index.ts'
import type { Operation } from './operation.ts'
import { compareStamps, type DeviceOfLog, type RowStamps, type Stamp } from './stamps.ts'

/** The column every table has besides its own: 1 while the row is deleted. */
export const TOMBSTONE = 0

/** What it writes that the last writer wins: its columns, the tombstone for DELETE and UNDELETE, nothing for what adds up. */
export function writesOf(operation: Operation): ReadonlyMap<number, Value> {
  if (operation.kind === 'DELETE') return new Map([[TOMBSTONE, 1]])
  if (operation.kind === 'UNDELETE') return new Map([[TOMBSTONE, 0]])
  return addsUp(operation) ? NOTHING : operation.columns
}

const NOTHING: ReadonlyMap<number, Value> = new Map()

/** True for changes of counters and texts: all of them count, not the last alone. */
export function addsUp({ kind }: Operation): boolean {
  return kind === 'COUNTER' || kind === 'TEXT'
}

/**
 * Merges one operation into a row: per column the write with the highest stamp wins. A pure function of the set of
 * operations, so order, batching and repetition cannot matter. Answers the columns that change and updates `stamps`.
 */
export function mergeOperation(
  stamps: RowStamps,
  operation: Operation,
  stamp: Stamp,
  deviceOf: DeviceOfLog,
): Map<number, Value> {
  const changed = new Map<number, Value>()
  for (const [column, value] of writesOf(operation)) {
    const present = stamps.get(column)
    if (present && compareStamps(stamp, present, deviceOf) <= 0) continue
    stamps.set(column, stamp)
    changed.set(column, value)
  }
  return changed
}
