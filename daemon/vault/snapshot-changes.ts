import { type Cbor, decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { deviceTag } from '../../crdt/device.ts'
import type { Operation } from '../../crdt/operation.ts'
import { type Column, ENTITY_BY_NUMBER, type Value } from '../../schema/entities/index.ts'
import type { StampedOperation } from './row-store.ts'
import type { Sql } from './sql.ts'

interface StoredChange {
  readonly table_no: number
  readonly key: string
  readonly column_no: number
  readonly log: number
  readonly seq: number
  readonly ms: number
  readonly counter: number
  readonly hash: Uint8Array
  readonly value: Uint8Array
}

/** A change of one counter or text, as a snapshot gives it. */
export interface SnapshotChange {
  readonly table: number
  readonly key: string
  readonly column: number
  readonly value: Value
  readonly log: number
  readonly seq: number
  readonly ms: number
  readonly counter: number
  readonly hash: Uint8Array
}

export function putSnapshotChange(sql: Sql, change: SnapshotChange): void {
  const { table, key, column, log, seq, ms, counter, hash, value } = change
  sql.run(
    `INSERT INTO snapshot_changes (table_no, key, column_no, log, seq, ms, counter, hash, value)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [table, key, column, log, seq, ms, counter, hash, encodeCanonical(value as Cbor)],
  )
}

/** What a snapshot said of a row's counters and texts, as the operations it came from. */
export function snapshotChangesOf(sql: Sql, table: number, key: string): StampedOperation[] {
  return sql
    .all<StoredChange>('SELECT * FROM snapshot_changes WHERE table_no = ? AND key = ?', [table, key])
    .flatMap((row) => read(sql, row))
}

export function allSnapshotChanges(sql: Sql): StampedOperation[] {
  return sql.all<StoredChange>('SELECT * FROM snapshot_changes').flatMap((row) => read(sql, row))
}

function read(sql: Sql, row: StoredChange): StampedOperation[] {
  const { table_no: table, key, column_no, log, seq, ms, counter, hash, value } = row
  const entity = ENTITY_BY_NUMBER.get(table)
  const column = Object.values<Column>(entity?.columns ?? {}).find(({ number }) => number === column_no)
  const writer = sql.get<{ device: Uint8Array }>('SELECT device FROM logs WHERE ref = ?', [log])
  if (!entity || !column || !writer) return []
  const operation: Operation = {
    hlc: { ms, counter, device: deviceTag(writer.device) },
    kind: column.type === 'counter' ? 'COUNTER' : 'TEXT',
    table,
    key,
    schemaVersion: 0,
    columns: new Map([[column_no, decodeCanonical(value) as Value]]),
  }
  return [{ entity, operation, stamp: { ms, counter, log, hash }, seq }]
}
