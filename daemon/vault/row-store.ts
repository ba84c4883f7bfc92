import { mergeOperation, TOMBSTONE } from '../../crdt/merge.ts'
import type { Operation } from '../../crdt/operation.ts'
import { type DeviceOfLog, packStamps, type RowStamps, type Stamp, unpackStamps } from '../../crdt/stamps.ts'
import type { ReplicatedEntity, Value } from '../../schema/entities/index.ts'
import type { Sql, SqlValue } from './sql.ts'

/** Statements and column names of one replicated table. */
class TablePlan {
  readonly find: string
  readonly nameOf: ReadonlyMap<number, string>
  readonly #table: string
  readonly #inserts = new Map<string, string>()
  readonly #updates = new Map<string, string>()

  constructor(entity: ReplicatedEntity) {
    this.#table = entity.table
    this.nameOf = new Map<number, string>([
      [TOMBSTONE, 'deleted'],
      ...Object.entries(entity.columns).map(([name, { number }]): [number, string] => [number, name]),
    ])
    this.find = `SELECT clock FROM ${entity.table} WHERE space = ? AND id = ?`
  }

  insert(columns: readonly number[]): string {
    return cached(this.#inserts, columns, () => {
      const names = ['space', 'id', 'clock', ...columns.map((column) => this.nameOf.get(column)!)]
      return `INSERT INTO ${this.#table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`
    })
  }

  update(columns: readonly number[]): string {
    return cached(this.#updates, columns, () => {
      const sets = ['clock = ?', ...columns.map((column) => `${this.nameOf.get(column)} = ?`)]
      return `UPDATE ${this.#table} SET ${sets.join(', ')} WHERE space = ? AND id = ?`
    })
  }
}

function cached(statements: Map<string, string>, columns: readonly number[], make: () => string): string {
  const key = columns.join()
  const present = statements.get(key)
  if (present !== undefined) return present
  const sql = make()
  statements.set(key, sql)
  return sql
}

/** Merges operations into the rows of a vault: one read and one write per operation. */
export class RowStore {
  readonly #sql: Sql
  readonly #deviceOf: DeviceOfLog
  readonly #plans = new Map<ReplicatedEntity, TablePlan>()

  constructor(sql: Sql, deviceOf: DeviceOfLog) {
    this.#sql = sql
    this.#deviceOf = deviceOf
  }

  /** Answers true when the row changed. */
  merge(space: number, entity: ReplicatedEntity, operation: Operation, stamp: Stamp): boolean {
    const plan = this.#plan(entity)
    const key = operation.key as string
    const present = this.#sql.get<{ clock: Uint8Array }>(plan.find, [space, key])
    const stamps: RowStamps = present ? unpackStamps(present.clock) : new Map()
    const changed = mergeOperation(stamps, operation, stamp, this.#deviceOf)
    if (changed.size === 0 && present) return false
    const columns = [...changed.keys()]
    const values = [...changed.values()] as SqlValue[]
    const clock = packStamps(stamps)
    if (present) this.#sql.run(plan.update(columns), [clock, ...values, space, key])
    else this.#sql.run(plan.insert(columns), [space, key, clock, ...values])
    return true
  }

  /** The column's SQL name, or undefined for a column this program does not know. */
  columnName(entity: ReplicatedEntity, column: number): string | undefined {
    return this.#plan(entity).nameOf.get(column)
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
