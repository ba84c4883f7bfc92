import { sha256 } from '../../crdt/hash.ts'
import type { Item, ItemName, Range } from '../../crdt/range-fingerprints.ts'
import { erasedEntry, type StateEntry } from '../../crdt/state-digest.ts'
import { REPLICATED_ENTITIES, type ReplicatedEntity } from '../../schema/entities/index.ts'
import type { Logs } from './logs.ts'
import { SharedColumnStore } from './shared-column-store.ts'
import type { Sql, SqlValue } from './sql.ts'
import { entryOf, type FactRow } from './state-digest.ts'

/** Rows of a page; few, because they may be large and others wait. */
const PAGE = 200

/** Between two keys of one table, the second excluded; `to` undefined: to its end. */
interface KeyRange<K extends SqlValue> {
  readonly from: K
  readonly to: K | undefined
}

/** Entries of the state digest in a range, in order, each hashed alone. */
export function* rangeItems(sql: Sql, logs: Logs, space: number, range: Range): Generator<Item> {
  const shared = new SharedColumnStore(sql)
  for (const entity of REPLICATED_ENTITIES) {
    const rows = rowsIn(entity, range)
    const erased = erasedIn(entity, range)
    if (rows)
      for (const row of factRows(sql, space, entity, rows)) yield itemOf(entryOf(entity, row, logs, shared))
    if (erased)
      for (const marker of markers(sql, space, entity, erased))
        yield itemOf(erasedEntry(entity.number, marker))
  }
}

/** How many there are. */
export function countItems(sql: Sql, space: number, range: Range): number {
  let count = 0
  const add = (statement: string, params: SqlValue[]) => {
    count += sql.get<{ n: number }>(statement, params)!.n
  }
  for (const entity of REPLICATED_ENTITIES) {
    const rows = rowsIn(entity, range)
    const erased = erasedIn(entity, range)
    if (rows)
      add(`SELECT count(*) AS n FROM ${entity.table} WHERE space = ? AND id >= ? ${below('id', rows)}`, [
        space,
        ...bounds(rows),
      ])
    if (erased)
      add(
        `SELECT count(*) AS n FROM erased WHERE space = ? AND table_no = ? AND marker >= ? ${below('marker', erased)}`,
        [space, entity.number, ...bounds(erased)],
      )
  }
  return count
}

function itemOf({ table, key, bytes }: StateEntry): Item {
  return { table, key, hash: sha256(bytes) }
}

function* factRows(
  sql: Sql,
  space: number,
  entity: ReplicatedEntity,
  range: KeyRange<string>,
): Generator<FactRow> {
  let { from } = range
  for (let beyond = '>='; ; beyond = '>') {
    const page = sql.all<FactRow>(
      `SELECT * FROM ${entity.table} WHERE space = ? AND id ${beyond} ? ${below('id', range)} ORDER BY id LIMIT ${PAGE}`,
      [space, ...bounds({ ...range, from })],
    )
    yield* page
    const last = page.at(-1)
    if (!last || page.length < PAGE) return
    from = last.id
  }
}

function* markers(
  sql: Sql,
  space: number,
  entity: ReplicatedEntity,
  range: KeyRange<Uint8Array>,
): Generator<Uint8Array> {
  let { from } = range
  for (let beyond = '>='; ; beyond = '>') {
    const page = sql.all<{ marker: Uint8Array }>(
      `SELECT marker FROM erased WHERE space = ? AND table_no = ? AND marker ${beyond} ? ${below('marker', range)}
       ORDER BY marker LIMIT ${PAGE}`,
      [space, entity.number, ...bounds({ ...range, from })],
    )
    for (const { marker } of page) yield marker
    const last = page.at(-1)
    if (!last || page.length < PAGE) return
    from = last.marker
  }
}

function below(column: string, { to }: KeyRange<SqlValue>): string {
  return to === undefined ? '' : `AND ${column} < ?`
}

function bounds({ from, to }: KeyRange<SqlValue>): SqlValue[] {
  return to === undefined ? [from] : [from, to]
}

/** The part of a range that lies among a table's rows. Erased ones come after them. */
function rowsIn(entity: ReplicatedEntity, { from, to }: Range): KeyRange<string> | undefined {
  const start = side(entity, from)
  const end = to === null ? 'after' : side(entity, to)
  if (start === 'after' || start instanceof Uint8Array || end === 'before') return undefined
  return {
    from: start === 'before' ? '' : start.text,
    to: end instanceof Object && 'text' in end ? end.text : undefined,
  }
}

function erasedIn(entity: ReplicatedEntity, { from, to }: Range): KeyRange<Uint8Array> | undefined {
  const start = side(entity, from)
  const end = to === null ? 'after' : side(entity, to)
  if (start === 'after' || end === 'before' || (end instanceof Object && 'text' in end)) return undefined
  return {
    from: start instanceof Uint8Array ? start : new Uint8Array(0),
    to: end instanceof Uint8Array ? end : undefined,
  }
}

/** Where a bound stands, seen from a table. */
function side(
  { number }: ReplicatedEntity,
  { table, key }: ItemName,
): 'before' | 'after' | { readonly text: string } | Uint8Array {
  if (table !== number) return table < number ? 'before' : 'after'
  return typeof key === 'string' ? { text: key } : key
}
