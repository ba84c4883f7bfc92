import { rowOfOperation } from '../../crdt/operation.ts'
import { BODY_HEAD_BYTES } from './erasure.ts'
import { snapshotChangesOf } from './snapshot-changes.ts'
import type { Sql } from './sql.ts'
import { type StoredOperation, stampedOf } from './stored-operation.ts'
import { stampBytes } from './text-updates.ts'

interface Cell {
  readonly space: number
  readonly table_no: number
  readonly key: string
  readonly column_no: number
}

/** Where a log was cut what it contributes to counters is what it said before: the rest is its branch's. */
export function splitCells(sql: Sql, log: number, sequence: number, branch: number): void {
  const moved = sql.all<Cell>(
    'SELECT space, table_no, key, column_no FROM counter_cells WHERE log = ? AND seq >= ?',
    [log, sequence],
  )
  if (moved.length === 0) return
  sql.run('UPDATE counter_cells SET log = ? WHERE log = ? AND seq >= ?', [branch, log, sequence])
  for (const { space, table_no, key, column_no } of moved) {
    const before = lastBefore(sql, log, sequence, { table_no, key, column_no })
    if (!before) continue
    const { seq, stamp, value } = before
    sql.run(
      `INSERT INTO counter_cells (space, table_no, key, column_no, log, seq, stamp, value)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      [space, table_no, key, column_no, log, seq, stampBytes(stamp), value],
    )
  }
}

/** The last change of that counter in the part of a log that is left. */
function lastBefore(
  sql: Sql,
  log: number,
  sequence: number,
  { table_no, key, column_no }: Omit<Cell, 'space'>,
) {
  const heads = sql.all<{ seq: number; head: Uint8Array }>(
    `SELECT seq, substr(body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations
     WHERE log = ? AND seq < ? AND body IS NOT NULL ORDER BY seq DESC`,
    [log, sequence],
  )
  for (const { seq, head } of heads) {
    const row = rowOfOperation(head)
    if (row?.table !== table_no || row.key !== key) continue
    const stored = sql.get<StoredOperation>(
      `SELECT o.log, o.seq, o.hash, o.body FROM sync_operations o
       LEFT JOIN held_operations h ON h.log = o.log AND h.seq = o.seq
       WHERE o.log = ? AND o.seq = ? AND h.log IS NULL`,
      [log, seq],
    )
    const [change] = stored ? stampedOf(stored) : []
    const value = change?.operation.columns.get(column_no)
    if (change?.operation.kind === 'COUNTER' && typeof value === 'number')
      return { seq, stamp: change.stamp, value }
  }
  const given = snapshotChangesOf(sql, table_no, key).find(
    ({ operation, stamp, seq }) => stamp.log === log && seq < sequence && operation.columns.has(column_no),
  )
  return (
    given && { seq: given.seq, stamp: given.stamp, value: given.operation.columns.get(column_no) as number }
  )
}
