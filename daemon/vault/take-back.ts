import { decodeOperation, type Operation } from '../../crdt/operation.ts'
import { validityOf } from '../../crdt/validity.ts'
import { ENTITY_BY_NUMBER } from '../../schema/entities/index.ts'
import type { Marker } from './erasure.ts'
import type { StampedOperation } from './row-store.ts'
import type { Sql } from './sql.ts'
import { type StoredOperation, stampedOf } from './stored-operation.ts'

/** What stamps that are not to be kept had said. */
export interface TakenBack {
  /** As they stood in their logs. */
  readonly merged: readonly StampedOperation[]
  /** To be said again, the oldest first. */
  readonly changes: readonly Operation[]
  /** To be said again too: what was erased stays so. */
  readonly erased: readonly Marker[]
}

/** Sequence of the first operation of a log that is stamped above a limit (ms); undefined when none is. */
export function firstAbove(sql: Sql, log: number, limit: number): number | undefined {
  let first: number | undefined
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const rows = sql.all<{ seq: number; body: Uint8Array | null }>(
      'SELECT seq, body FROM sync_operations WHERE log = ? AND seq < ? ORDER BY seq DESC LIMIT 500',
      [log, before],
    )
    for (const { seq, body } of rows) {
      if (body && decodeOperation(body).hlc.ms <= limit) return first
      // A hollow one stands between two that are above, or says nothing of itself.
      if (body) first = seq
      before = seq
    }
    if (rows.length === 0) return first
  }
}

/** Reads operations of a log from a sequence on. */
export function readBack(sql: Sql, log: number, from: number): TakenBack {
  const stored = sql.all<StoredOperation>(
    'SELECT log, seq, hash, body FROM sync_operations WHERE log = ? AND seq >= ? AND body IS NOT NULL ORDER BY seq',
    [log, from],
  )
  const operations = stored.map(({ body }) => decodeOperation(body))
  return {
    merged: stored.flatMap(stampedOf),
    changes: operations.filter((each) => each.kind !== 'ERASE' && validityOf(each) === 'valid'),
    erased: operations.flatMap(({ kind, table, key }) => {
      const entity = ENTITY_BY_NUMBER.get(table)
      return kind === 'ERASE' && entity && typeof key !== 'string' ? [{ entity, marker: key }] : []
    }),
  }
}

/** Takes a log away that nobody else ever saw. */
export function deleteLog(sql: Sql, log: number): void {
  for (const table of TABLES) sql.run(`DELETE FROM ${table} WHERE log = ?`, [log])
  sql.run('DELETE FROM logs WHERE ref = ?', [log])
}

const TABLES = [
  'held_operations',
  'erasures',
  'sync_cursors',
  'text_updates',
  'counter_cells',
  'segments',
  'sync_operations',
] as const
