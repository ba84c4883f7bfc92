import { type ClockState, compareHlc } from '../../crdt/hlc.ts'
import { TOMBSTONE } from '../../crdt/merge.ts'
import { decodeOperation, rowOfOperation } from '../../crdt/operation.ts'
import { packStamps, type RowStamps, unpackStamps } from '../../crdt/stamps.ts'
import { BODY_HEAD_BYTES, hollowByIds, type RowName } from './erasure.ts'
import { columnNames, type StampedOperation } from './row-store.ts'
import { SharedColumnStore, sharedColumns } from './shared-column-store.ts'
import type { Sql } from './sql.ts'

const BATCH = 5_000

/**
 * Takes all out of these rows that was written up to a moment, and the bodies of the operations that did it. What was
 * written later stays: the row begins anew with it.
 */
export function forgetRows(sql: Sql, space: number, rows: readonly RowName[], last: ClockState): void {
  const shared = new SharedColumnStore(sql)
  for (const { entity, key } of rows) {
    const adding = laterChanges(sql, shared, space, { entity, key }, last)
    shared.remove(space, entity, key)
    forgetColumns(sql, space, { entity, key }, last, adding.length > 0)
    shared.merge(space, adding)
  }
  hollowWritten(sql, rows, last)
}

/** What was added to its counters and texts since: all that is left of them. */
function laterChanges(
  sql: Sql,
  shared: SharedColumnStore,
  space: number,
  { entity, key }: RowName,
  last: ClockState,
): StampedOperation[] {
  sql.run(
    'DELETE FROM snapshot_changes WHERE table_no = ? AND key = ? AND (ms < ? OR (ms = ? AND counter <= ?))',
    [entity.number, key, last.ms, last.ms, last.counter],
  )
  return sharedColumns(entity)
    .flatMap(([, { number }]) => shared.changes(space, entity, key, number))
    .filter(({ stamp }) => isAfter(stamp, last))
}

function forgetColumns(
  sql: Sql,
  space: number,
  { entity, key }: RowName,
  last: ClockState,
  stays: boolean,
): void {
  sql.run('DELETE FROM snapshot_rows WHERE table_no = ? AND key = ?', [entity.number, key])
  const row = sql.get<{ clock: Uint8Array }>(`SELECT clock FROM ${entity.table} WHERE space = ? AND id = ?`, [
    space,
    key,
  ])
  if (!row) return
  const stamps = unpackStamps(row.clock)
  const later: RowStamps = new Map([...stamps].filter(([, stamp]) => isAfter(stamp, last)))
  if (later.size === 0 && !stays) {
    sql.run(`DELETE FROM ${entity.table} WHERE space = ? AND id = ?`, [space, key])
    return
  }
  const nameOf = columnNames(entity)
  const gone = [...stamps.keys()].filter((column) => !later.has(column))
  const sets = gone.map((column) => `${nameOf.get(column)} = ${column === TOMBSTONE ? 0 : 'NULL'}`)
  sets.push(...sharedColumns(entity).map(([name]) => `${name} = NULL`))
  sql.run(`UPDATE ${entity.table} SET ${['clock = ?', ...sets].join(', ')} WHERE space = ? AND id = ?`, [
    packStamps(later),
    space,
    key,
  ])
}

function hollowWritten(sql: Sql, rows: readonly RowName[], last: ClockState): void {
  const wanted = new Set(rows.map(({ entity, key }) => `${entity.number}:${key}`))
  if (wanted.size === 0) return
  for (let after = 0; ; ) {
    const batch = sql.all<{ id: number; head: Uint8Array }>(
      `SELECT id, substr(body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations
       WHERE id > ? AND body IS NOT NULL ORDER BY id LIMIT ${BATCH}`,
      [after],
    )
    const named = batch.flatMap(({ id, head }) => {
      const row = rowOfOperation(head)
      return row && wanted.has(`${row.table}:${row.key}`) ? [id] : []
    })
    const written = sql.all<{ id: number; body: Uint8Array }>(
      'SELECT id, body FROM sync_operations WHERE id IN (SELECT value FROM json_each(?))',
      [JSON.stringify(named)],
    )
    hollowByIds(
      sql,
      written.flatMap(({ id, body }) => (isAfter(decodeOperation(body).hlc, last) ? [] : [id])),
    )
    const end = batch.at(-1)
    if (!end) return
    after = end.id
  }
}

const NOBODY = new Uint8Array(8)

function isAfter({ ms, counter }: ClockState, last: ClockState): boolean {
  return compareHlc({ ms, counter, device: NOBODY }, { ...last, device: NOBODY }) > 0
}
