import type { StampedOperation } from './row-store.ts'
import { snapshotChangesOf } from './snapshot-changes.ts'
import type { Sql } from './sql.ts'
import { stampedOf } from './stored-operation.ts'

interface LogPlace {
  readonly log: number
  readonly seq: number
}

/** The changes of a row's counters and texts at these places: they stand in the log, or came with a snapshot. */
export function placedChanges(
  sql: Sql,
  table: number,
  key: string,
  places: readonly LogPlace[],
): StampedOperation[] {
  const given = new Map(
    snapshotChangesOf(sql, table, key).map((item) => [
      placeText({ log: item.stamp.log, seq: item.seq }),
      item,
    ]),
  )
  return places.flatMap(({ log, seq }) => {
    const row = sql.get<{ hash: Uint8Array; body: Uint8Array }>(
      'SELECT hash, body FROM sync_operations WHERE log = ? AND seq = ? AND body IS NOT NULL',
      [log, seq],
    )
    if (row) return stampedOf({ log, seq, ...row })
    const item = given.get(placeText({ log, seq }))
    return item ? [item] : []
  })
}

export function placeText({ log, seq }: LogPlace): string {
  return `${log}:${seq}`
}
