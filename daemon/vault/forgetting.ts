import type { ClockState } from '../../crdt/hlc.ts'
import { addsUp, TOMBSTONE } from '../../crdt/merge.ts'
import { decodeOperation, rowOfOperation } from '../../crdt/operation.ts'
import { packStamps, type RowStamps, unpackStamps } from '../../crdt/stamps.ts'
import { validityOf } from '../../crdt/validity.ts'
import { BODY_HEAD_BYTES, hollowByIds, type RowName } from './erasure.ts'
import type { OpenVault } from './open-vault-interface.ts'
import { columnNames, type StampedOperation } from './row-store.ts'
import { SharedColumnStore, sharedColumns } from './shared-column-store.ts'
import type { Sql } from './sql.ts'
import { countsHere, isAfter } from './tombstones.ts'

const BATCH = 5_000

/** What it needs of a vault. */
export type ForgetContext = Sql & Pick<OpenVault, 'space' | 'held' | 'authority' | 'voids'>

/**
 * Takes all out of these rows that was written up to a moment, and the bodies of the operations that did it. What was
 * written later stays: the row begins anew with it.
 */
export function forgetRows(vault: ForgetContext, rows: readonly RowName[], last: ClockState): void {
  const { space } = vault
  const shared = new SharedColumnStore(vault)
  const writtenLater = hollowWritten(vault, rows, last)
  for (const { entity, key } of rows) {
    const adding = laterChanges(vault, shared, space, { entity, key }, last)
    shared.remove(space, entity, key)
    const stays = adding.length > 0 || writtenLater.has(nameText(entity.number, key))
    forgetColumns(vault, space, { entity, key }, last, stays)
    shared.merge(space, adding)
  }
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
    .flatMap(([, { number }]) => shared.arrivedChanges(space, entity, key, number))
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

/** Answers the rows to which something was written later, be it that they are there and nothing else. */
function hollowWritten(
  vault: ForgetContext,
  rows: readonly RowName[],
  last: ClockState,
): ReadonlySet<string> {
  const later = new Set<string>()
  const wanted = new Set(rows.map(({ entity, key }) => nameText(entity.number, key)))
  if (wanted.size === 0) return later
  for (let after = 0; ; ) {
    const batch = vault.all<{ id: number; head: Uint8Array }>(
      `SELECT id, substr(body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations
       WHERE id > ? AND body IS NOT NULL ORDER BY id LIMIT ${BATCH}`,
      [after],
    )
    const named = batch.flatMap(({ id, head }) => {
      const row = rowOfOperation(head)
      return row && wanted.has(nameText(row.table, row.key)) ? [id] : []
    })
    const written = vault.all<{ id: number; log: number; seq: number; body: Uint8Array }>(
      'SELECT id, log, seq, body FROM sync_operations WHERE id IN (SELECT value FROM json_each(?))',
      [JSON.stringify(named)],
    )
    const past: number[] = []
    for (const { id, log, seq, body } of written) {
      const operation = decodeOperation(body)
      if (!isAfter(operation.hlc, last)) past.push(id)
      else if (countsHere(vault, log, seq) && validityOf(operation) === 'valid' && !addsUp(operation))
        later.add(nameText(operation.table, String(operation.key)))
    }
    hollowByIds(vault, past)
    const end = batch.at(-1)
    if (!end) return later
    after = end.id
  }
}

function nameText(table: number, key: string): string {
  return `${table}:${key}`
}
