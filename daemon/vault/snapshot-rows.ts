import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import type { Value } from '../../schema/entities/index.ts'
import type { RowName } from './erasure.ts'
import { columnNames, insertSql } from './row-store.ts'
import type { Sql, SqlValue } from './sql.ts'

/** A row as a snapshot gave it: what the operations that are here are folded onto. */
export interface SnapshotRowState {
  readonly clock: Uint8Array
  readonly columns: ReadonlyMap<number, Value>
}

interface StoredRow {
  readonly table_no: number
  readonly key: string
  readonly clock: Uint8Array
  readonly columns: Uint8Array
}

/** Writes a row and keeps it as it is now. */
export function putSnapshotRow(sql: Sql, space: number, row: RowName, state: SnapshotRowState): void {
  insert(sql, space, row, state)
  sql.run('INSERT INTO snapshot_rows (table_no, key, clock, columns) VALUES (?, ?, ?, ?)', [
    row.entity.number,
    row.key,
    state.clock,
    encodeCanonical(state.columns as ReadonlyMap<Cbor, Cbor>),
  ])
}

/** Makes a row again that is to be folded anew; nothing when no snapshot had it. */
export function restoreSnapshotRow(sql: Sql, space: number, row: RowName): void {
  const state = snapshotRow(sql, row)
  if (state) insert(sql, space, row, state)
}

export function snapshotRow(sql: Sql, { entity, key }: RowName): SnapshotRowState | undefined {
  const stored = sql.get<StoredRow>('SELECT * FROM snapshot_rows WHERE table_no = ? AND key = ?', [
    entity.number,
    key,
  ])
  return stored && read(stored)
}

export function snapshotRows(sql: Sql): ({ table: number; key: string } & SnapshotRowState)[] {
  return sql
    .all<StoredRow>('SELECT * FROM snapshot_rows')
    .map((stored) => ({ table: stored.table_no, key: stored.key, ...read(stored) }))
}

function read({ clock, columns }: StoredRow): SnapshotRowState {
  return { clock, columns: decodeCanonical(columns) as ReadonlyMap<number, Value> }
}

function insert(
  sql: Sql,
  space: number,
  { entity, key }: RowName,
  { clock, columns }: SnapshotRowState,
): void {
  const names = columnNames(entity)
  const written = [...columns.keys()].map((column) => names.get(column)!)
  sql.run(insertSql(entity.table, ['space', 'id', 'clock', ...written], 1), [
    space,
    key,
    clock,
    ...([...columns.values()] as SqlValue[]),
  ])
}
