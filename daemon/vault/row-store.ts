import { addsUp, mergeOperation, TOMBSTONE, writesOf } from '../../crdt/merge.ts'
import type { Operation } from '../../crdt/operation.ts'
import {
  type DeviceOfLog,
  packStamp,
  packStamps,
  type RowStamps,
  type Stamp,
  unpackStamps,
} from '../../crdt/stamps.ts'
import type { ReplicatedEntity, Value } from '../../schema/entities/index.ts'
import { SharedColumnStore } from './shared-column-store.ts'
import type { Sql, SqlValue } from './sql.ts'

/** Rows one INSERT carries when there are enough: the way into SQLite costs more than the row (measured 2x). */
const ROWS_AT_ONCE = 16

/** Statements and column names of one replicated table. */
class TablePlan {
  readonly find: string
  readonly nameOf: ReadonlyMap<number, string>
  readonly #table: string

  constructor(entity: ReplicatedEntity) {
    this.#table = entity.table
    this.nameOf = columnNames(entity)
    this.find = `SELECT id, clock FROM ${entity.table} WHERE space = ? AND id IN (SELECT value FROM json_each(?))`
  }

  insert(columns: readonly number[], rows: number): string {
    const names = ['space', 'id', 'clock', ...columns.map((column) => this.nameOf.get(column)!)]
    return insertSql(this.#table, names, rows)
  }

  update(columns: readonly number[]): string {
    const sets = ['clock = ?', ...columns.map((column) => `${this.nameOf.get(column)} = ?`)]
    return `UPDATE ${this.#table} SET ${sets.join(', ')} WHERE space = ? AND id = ?`
  }
}

/** Column number → name in SQL, the tombstone included. */
export function columnNames(entity: ReplicatedEntity): ReadonlyMap<number, string> {
  return new Map<number, string>([
    [TOMBSTONE, 'deleted'],
    ...Object.entries(entity.columns).map(([name, { number }]): [number, string] => [number, name]),
  ])
}

/** An INSERT of that many rows. */
export function insertSql(table: string, columns: readonly string[], rows: number): string {
  const row = `(${columns.map(() => '?').join(', ')})`
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${Array.from({ length: rows }, () => row).join(', ')}`
}

/** Inserts rows of equal columns, many at once as far as they go. */
export function insertRows(
  sql: Sql,
  statement: (rows: number) => string,
  rows: readonly (readonly SqlValue[])[],
): void {
  let at = 0
  if (rows.length >= ROWS_AT_ONCE) {
    const many = statement(ROWS_AT_ONCE)
    for (; at + ROWS_AT_ONCE <= rows.length; at += ROWS_AT_ONCE) {
      const values: SqlValue[] = []
      for (let row = at; row < at + ROWS_AT_ONCE; row++) values.push(...rows[row]!)
      sql.run(many, values)
    }
  }
  if (at === rows.length) return
  const one = statement(1)
  for (; at < rows.length; at++) sql.run(one, rows[at])
}

/** An operation with the row it changes. */
export interface StampedOperation {
  readonly entity: ReplicatedEntity
  readonly operation: Operation
  readonly stamp: Stamp
  /** Its place in its log; 0 for what no log says. */
  readonly seq: number
}

interface MergingRow {
  readonly present: boolean
  readonly stamps: RowStamps
  readonly changed: Map<number, Value>
}

/** A row nobody has yet and one operation makes: there is nothing to compare with. */
type NewRow = StampedOperation

/** Merges operations into the rows of a vault. */
export class RowStore {
  /** Counters and texts. */
  readonly shared: SharedColumnStore
  readonly #sql: Sql
  readonly #deviceOf: DeviceOfLog
  readonly #plans = new Map<ReplicatedEntity, TablePlan>()

  constructor(sql: Sql, deviceOf: DeviceOfLog) {
    this.#sql = sql
    this.#deviceOf = deviceOf
    this.shared = new SharedColumnStore(sql)
  }

  /** Merges a batch: one look at what is there per table, then one write per row that changes. */
  merge(space: number, operations: readonly StampedOperation[]): void {
    const byEntity = new Map<ReplicatedEntity, StampedOperation[]>()
    const adding: StampedOperation[] = []
    for (const item of operations) {
      if (addsUp(item.operation)) {
        adding.push(item)
        continue
      }
      const group = byEntity.get(item.entity)
      if (group) group.push(item)
      else byEntity.set(item.entity, [item])
    }
    for (const [entity, items] of byEntity) {
      const plan = this.#plan(entity)
      this.#write(plan, space, this.#mergeRows(plan, space, items))
    }
    if (adding.length > 0) this.shared.merge(space, adding)
  }

  /** Takes a row out, with all that was merged into it. */
  remove(space: number, entity: ReplicatedEntity, key: string): void {
    this.#sql.run(`DELETE FROM ${entity.table} WHERE space = ? AND id = ?`, [space, key])
    this.shared.remove(space, entity, key)
  }

  /** Most rows that arrive are new and written once: those are spared the maps that merging needs. */
  #mergeRows(
    plan: TablePlan,
    space: number,
    items: readonly StampedOperation[],
  ): Map<string, MergingRow | NewRow> {
    const keys = JSON.stringify(items.map(({ operation }) => operation.key))
    const present = new Map(
      this.#sql
        .all<{ id: string; clock: Uint8Array }>(plan.find, [space, keys])
        .map(({ id, clock }) => [id, clock]),
    )
    const rows = new Map<string, MergingRow | NewRow>()
    for (const item of items) {
      const key = item.operation.key as string
      const clock = present.get(key)
      let row = rows.get(key)
      if (!row && clock === undefined) {
        rows.set(key, item)
        continue
      }
      if (!row || 'operation' in row) {
        const merging: MergingRow = {
          present: clock !== undefined,
          stamps: clock ? unpackStamps(clock) : new Map(),
          changed: new Map(),
        }
        if (row) this.#merge(merging, row)
        row = merging
        rows.set(key, row)
      }
      this.#merge(row, item)
    }
    return rows
  }

  #merge({ stamps, changed }: MergingRow, { operation, stamp }: StampedOperation): void {
    for (const [column, value] of mergeOperation(stamps, operation, stamp, this.#deviceOf))
      changed.set(column, value)
  }

  #write(plan: TablePlan, space: number, rows: ReadonlyMap<string, MergingRow | NewRow>): void {
    const inserts = new Map<string, { columns: number[]; rows: SqlValue[][] }>()
    for (const [key, row] of rows) {
      const writes = 'operation' in row ? writesOf(row.operation) : row.changed
      const columns = [...writes.keys()]
      const values = [...writes.values()] as SqlValue[]
      const isPresent = 'present' in row && row.present
      if (isPresent && columns.length === 0) continue
      const clock = 'operation' in row ? packStamp(row.stamp, columns) : packStamps(row.stamps)
      if (isPresent) {
        this.#sql.run(plan.update(columns), [clock, ...values, space, key])
        continue
      }
      const shape = columns.join()
      const group = inserts.get(shape) ?? { columns, rows: [] }
      group.rows.push([space, key, clock, ...values])
      inserts.set(shape, group)
    }
    for (const group of inserts.values())
      insertRows(this.#sql, (count) => plan.insert(group.columns, count), group.rows)
  }

  #plan(entity: ReplicatedEntity): TablePlan {
    const present = this.#plans.get(entity)
    if (present) return present
    const plan = new TablePlan(entity)
    this.#plans.set(entity, plan)
    return plan
  }
}

/** Reads a row's value of a column by number. */
export function valueByNumber(
  entity: ReplicatedEntity,
  row: Record<string, SqlValue>,
): (column: number) => Value {
  const names = new Map(Object.entries(entity.columns).map(([name, { number }]) => [number, name]))
  return (column) => row[names.get(column) ?? ''] ?? null
}
