import type { Operation } from '../../crdt/operation.ts'
import { editsBetween } from '../../crdt/text.ts'
import {
  type Column,
  ENTITY_BY_NUMBER,
  type ReplicatedEntity,
  type ReplicatedEntityName,
  type Value,
} from '../../schema/entities/index.ts'
import { columnNames } from './row-store.ts'
import type { Sql } from './sql.ts'
import type { AddingChange, FactChange } from './vault.ts'

/** What a counter or a text showed. */
export interface SharedValue {
  readonly entity: ReplicatedEntity
  readonly key: string
  readonly column: string
  readonly value: number | string
}

/** The counters and texts that these operations change, as they are shown now. */
export function sharedValues(sql: Sql, space: number, operations: readonly Operation[]): SharedValue[] {
  const found = new Map<string, SharedValue>()
  for (const { kind, table, key, columns } of operations) {
    const entity = ENTITY_BY_NUMBER.get(table)
    if (!entity || typeof key !== 'string' || (kind !== 'COUNTER' && kind !== 'TEXT')) continue
    for (const number of columns.keys()) {
      const column = columnNames(entity).get(number)
      if (column === undefined) continue
      const value = shown(sql, space, entity, key, column)
      found.set(`${table}:${key}:${column}`, { entity, key, column, value })
    }
  }
  return [...found.values()]
}

/** The same change of a row; none for counters and texts, and for what has no row. */
export function changeAgain({ kind, table, key, columns }: Operation): FactChange[] {
  const entity = ENTITY_BY_NUMBER.get(table)
  if (!entity || typeof key !== 'string') return []
  if (kind !== 'INSERT' && kind !== 'UPDATE' && kind !== 'DELETE' && kind !== 'UNDELETE') return []
  const names = columnNames(entity)
  const values = Object.fromEntries(
    [...columns].map(([number, value]): [string, Value] => [names.get(number)!, value]),
  )
  return [{ kind, entity: entity.name as ReplicatedEntityName, key, values }]
}

/** What makes a counter or a text show again what it showed. */
export function restoreShared(sql: Sql, space: number, before: SharedValue): AddingChange[] {
  const { entity, key, column, value } = before
  const name = { entity: entity.name as ReplicatedEntityName, key }
  const now = shown(sql, space, entity, key, column)
  if (value === now) return []
  if (typeof value === 'number')
    return [{ ...name, kind: 'COUNTER', amounts: { [column]: value - Number(now) } }]
  return [{ ...name, kind: 'TEXT', edits: { [column]: editsBetween(String(now), value) } }]
}

function shown(
  sql: Sql,
  space: number,
  entity: ReplicatedEntity,
  key: string,
  column: string,
): number | string {
  const row = sql.get<{ value: number | string | null }>(
    `SELECT ${column} AS value FROM ${entity.table} WHERE space = ? AND id = ?`,
    [space, key],
  )
  const isCounter = (entity.columns[column] as Column).type === 'counter'
  return row?.value ?? (isCounter ? 0 : '')
}
