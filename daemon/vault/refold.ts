import { rowOfOperation } from '../../crdt/operation.ts'
import { Message } from '../../schema/entities/index.ts'
import type { Authority, OperationRun } from './authority.ts'
import { BODY_HEAD_BYTES, type ErasedMarkers, type RowName } from './erasure.ts'
import type { Erasures } from './erasures.ts'
import type { RowStore, StampedOperation } from './row-store.ts'
import { snapshotChangesOf } from './snapshot-changes.ts'
import { restoreSnapshotRow } from './snapshot-rows.ts'
import type { Sql } from './sql.ts'
import { type StoredOperation, stampedOf } from './stored-operation.ts'
import type { VoidOperations } from './void-operations.ts'

const BATCH = 5_000

/** What rows were made again for. */
export interface Refolded {
  /** The operations that count no more. */
  readonly operations: readonly StampedOperation[]
  /** Conversations whose messages may have gone. */
  readonly conversations: readonly string[]
}

export interface RefoldContext {
  readonly sql: Sql
  readonly rows: RowStore
  readonly erased: ErasedMarkers
  readonly erasures: Erasures
  readonly authority: Authority
  readonly voids: VoidOperations
  readonly space: number
}

/**
 * Makes the rows again that void operations had changed: each is the fold of what is left of its operations. Reads
 * every operation once: it happens when a device is revoked. What a void ERASE removed here is gone, but stays
 * erased no longer: the content may come again. What its own device took back (`voided`) stays erased.
 */
export function refold(
  context: RefoldContext,
  runs: readonly OperationRun[],
  voided: readonly OperationRun[] = [],
): Refolded {
  const { sql } = context
  const operations = [...runs, ...voided].flatMap((run) => operationsIn(sql, run)).flatMap(stampedOf)
  const changed = operations.map(
    ({ entity, operation }): RowName => ({ entity, key: operation.key as string }),
  )
  return remakeRows(context, operations, [...changed, ...withdrawErasures(context, runs)])
}

/** Makes the rows of these operations again, which count no more. */
export function refoldOperations(context: RefoldContext, operations: readonly StampedOperation[]): Refolded {
  return remakeRows(
    context,
    operations,
    operations.map(({ entity, operation }) => ({ entity, key: operation.key as string })),
  )
}

function remakeRows(
  context: RefoldContext,
  operations: readonly StampedOperation[],
  rowsToMake: readonly RowName[],
): Refolded {
  const { sql, rows, space, erasures } = context
  if (rowsToMake.length === 0) return { operations: [], conversations: [] }
  const names = new Set(rowsToMake.map(({ entity, key }) => nameOf(entity.number, key)))
  const conversations = conversationsOf(sql, space, rowsToMake)
  for (const { entity, key } of rowsToMake) rows.remove(space, entity, key)
  for (const row of rowsToMake) {
    restoreSnapshotRow(sql, space, row)
    rows.merge(space, snapshotChangesOf(sql, row.entity.number, row.key))
  }
  for (const batch of remaining(context, names)) rows.merge(space, batch.flatMap(stampedOf))
  for (const row of rowsToMake) rows.merge(space, erasures.hiding(row))
  return { operations, conversations }
}

/** Forgets void ERASEs; answers the rows that those among them hid which were still waiting. */
function withdrawErasures(
  { sql, erased, erasures }: RefoldContext,
  runs: readonly OperationRun[],
): RowName[] {
  const hidden: RowName[] = []
  for (const run of runs) {
    for (const { entity, marker, pending, key } of erasures.withdraw(run)) {
      if (pending && key !== null) hidden.push({ entity, key })
      if (!pending && !erasures.has(entity, marker)) erased.removeMarker({ entity, marker })
    }
    sql.run('DELETE FROM held_operations WHERE log = ? AND seq BETWEEN ? AND ?', [
      run.log,
      run.first,
      run.last,
    ])
  }
  return hidden
}

/** Stored operations of a run that have a body and do not wait. */
export function operationsIn(sql: Sql, { log, first, last }: OperationRun): StoredOperation[] {
  return sql.all<StoredOperation>(
    `SELECT o.log, o.seq, o.hash, o.body FROM sync_operations o
     LEFT JOIN held_operations h ON h.log = o.log AND h.seq = o.seq
     WHERE o.log = ? AND o.seq BETWEEN ? AND ? AND o.branch = 0 AND o.body IS NOT NULL AND h.log IS NULL
     ORDER BY o.seq`,
    [log, first, last],
  )
}

/** Operations on these rows that count and do not wait, some thousands looked at at a time. */
function* remaining(
  { sql, space, authority, voids }: RefoldContext,
  names: ReadonlySet<string>,
): Generator<StoredOperation[]> {
  const isVoid = (log: number, seq: number) => authority.isVoid(log, seq) || voids.covers(log, seq)
  let after = 0
  for (;;) {
    const batch = sql.all<{ id: number; log: number; seq: number; head: Uint8Array }>(
      `SELECT o.id, o.log, o.seq, substr(o.body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations o
       JOIN logs l ON l.ref = o.log AND l.space = ?
       WHERE o.id > ? AND o.body IS NOT NULL AND o.branch = 0 ORDER BY o.id LIMIT ${BATCH}`,
      [space, after],
    )
    yield batch.flatMap(({ log, seq, head }) => {
      const row = rowOfOperation(head)
      if (!row || !names.has(nameOf(row.table, row.key)) || isVoid(log, seq)) return []
      return operationsIn(sql, { log, first: seq, last: seq })
    })
    const last = batch.at(-1)
    if (!last) return
    after = last.id
  }
}

function conversationsOf(sql: Sql, space: number, changed: readonly RowName[]): string[] {
  const messages = changed.flatMap(({ entity, key }) => (entity.number === Message.number ? [key] : []))
  return sql
    .all<{ id: string }>(
      `SELECT DISTINCT conversation_id AS id FROM messages
       WHERE space = ? AND conversation_id IS NOT NULL AND id IN (SELECT value FROM json_each(?))`,
      [space, JSON.stringify(messages)],
    )
    .map(({ id }) => id)
}

function nameOf(table: number, key: string): string {
  return `${table}:${key}`
}
