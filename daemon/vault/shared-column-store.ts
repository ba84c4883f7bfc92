import type { Cbor } from '../../crdt/cbor.ts'
import { type CounterCell, counterSum, laterCell } from '../../crdt/counter.ts'
import type { ClockState } from '../../crdt/hlc.ts'
import { cellOf, counterEntry, type SharedLog, textEntry } from '../../crdt/shared-columns.ts'
import { SharedText } from '../../crdt/text.ts'
import type { Column, ReplicatedEntity } from '../../schema/entities/index.ts'
import { placedChanges } from './placed-changes.ts'
import type { StampedOperation } from './row-store.ts'
import type { Sql } from './sql.ts'
import { AT, type Place, stampBytes, TextUpdates } from './text-updates.ts'

/** Merges COUNTER and TEXT operations; the rows show the sums and the texts. */
export class SharedColumnStore {
  readonly #sql: Sql
  readonly #updates: TextUpdates

  constructor(sql: Sql) {
    this.#sql = sql
    this.#updates = new TextUpdates(sql, (log) => this.logOf(log))
  }

  merge(space: number, operations: readonly StampedOperation[]): void {
    for (const [entity, ofTable] of Map.groupBy(operations, (item) => item.entity))
      for (const [key, changes] of Map.groupBy(ofTable, ({ operation }) => operation.key as string)) {
        const values = sharedColumns(entity).flatMap(([name, { type, number }]) => {
          const own = changes.filter(({ operation }) => operation.columns.has(number))
          if (own.length === 0) return []
          const place: Place = [space, entity.number, key, number]
          const value = type === 'counter' ? this.#count(place, own) : this.#edit(place, own)
          return value === undefined ? [] : [[name, value] as const]
        })
        for (const [name, value] of values) this.#show(space, entity, key, name, value)
      }
  }

  /** Forgets what was counted and written in a row. */
  remove(space: number, { number }: ReplicatedEntity, key: string): void {
    for (const table of ['text_updates', 'text_documents', 'counter_cells'])
      this.#sql.run(`DELETE FROM ${table} WHERE space = ? AND table_no = ? AND key = ?`, [space, number, key])
  }

  /** What the state digest says of a row's counters and texts; undefined for a table without any. */
  entries(space: number, entity: ReplicatedEntity, key: string): Cbor[] | undefined {
    const columns = sharedColumns(entity)
    if (columns.length === 0) return undefined
    return columns.flatMap(([, { type, number }]) => {
      const place: Place = [space, entity.number, key, number]
      if (type === 'counter') {
        const cells = [...this.#cells(place)].map(([log, { value }]) => [this.logOf(log), value] as const)
        return cells.length === 0 ? [] : [counterEntry(number, cells)]
      }
      const hashes = this.#updates.hashes(place)
      return hashes.length === 0 ? [] : [textEntry(number, hashes)]
    })
  }

  /** The changes that make up a counter or a text: of each log's counter the last, of a text all that count. */
  changes(space: number, entity: ReplicatedEntity, key: string, column: number): StampedOperation[] {
    const place: Place = [space, entity.number, key, column]
    if (!isCounterOf(entity, column)) return this.#updates.operations(place)
    return this.#cellChanges(place, entity, key)
  }

  /** As `changes`, with the updates of a text that do not count: they may once what came before them is gone. */
  arrivedChanges(space: number, entity: ReplicatedEntity, key: string, column: number): StampedOperation[] {
    const place: Place = [space, entity.number, key, column]
    if (!isCounterOf(entity, column)) return this.#updates.arrived(place)
    return this.#cellChanges(place, entity, key)
  }

  #cellChanges(place: Place, entity: ReplicatedEntity, key: string): StampedOperation[] {
    const cells = this.#sql.all<{ log: number; seq: number }>(
      `SELECT log, seq FROM counter_cells WHERE ${AT} ORDER BY log`,
      [...place],
    )
    return placedChanges(this.#sql, entity.number, key, cells)
  }

  /** What this log contributes to a counter now. */
  contribution(space: number, entity: ReplicatedEntity, key: string, column: number, log: number): number {
    return this.#cells([space, entity.number, key, column]).get(log)?.value ?? 0
  }

  /** A text as it is, to be edited. */
  text(space: number, entity: ReplicatedEntity, key: string, column: number): SharedText {
    return this.#text([space, entity.number, key, column])
  }

  readonly logOf = (log: number): SharedLog => {
    const found = this.#sql.get<{
      space: Uint8Array
      device: Uint8Array
      incarnation: Uint8Array
      origin: Uint8Array | null
      parent: number | null
    }>(
      `SELECT s.id AS space, l.device, l.incarnation, l.origin, l.parent
       FROM logs l JOIN spaces s ON s.ref = l.space WHERE l.ref = ?`,
      [log],
    )
    if (!found) throw new Error('an operation of an unknown log')
    const { space, device, incarnation: name, origin, parent } = found
    return { space, device, incarnation: origin ?? name, name, parent }
  }

  #count(place: Place, changes: readonly StampedOperation[]): number {
    const cells = this.#cells(place)
    for (const { operation, stamp, seq } of changes) {
      const present = cells.get(stamp.log)
      const next = laterCell(present, cellOf(operation, place[3], stamp))
      if (next === present) continue
      cells.set(stamp.log, next)
      this.#sql.run(
        `INSERT INTO counter_cells (space, table_no, key, column_no, log, seq, stamp, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET seq = excluded.seq, stamp = excluded.stamp, value = excluded.value`,
        [...place, stamp.log, seq, stampBytes(stamp), next.value],
      )
    }
    return counterSum(cells, (log) => this.logOf(log).parent)
  }

  #cells(place: Place): Map<number, CounterCell> {
    return new Map(
      this.#sql
        .all<{ log: number; stamp: Uint8Array; value: number }>(
          `SELECT log, stamp, value FROM counter_cells WHERE ${AT}`,
          [...place],
        )
        .map(({ log, stamp, value }) => [log, { value, ...clockIn(stamp) }]),
    )
  }

  /** The text after these updates; undefined when nothing of it changes. */
  #edit(place: Place, changes: readonly StampedOperation[]): string | undefined {
    const { added, anew } = this.#updates.add(place, changes)
    if (added.length === 0 && !anew) return undefined
    const text = anew ? new SharedText() : this.#text(place)
    text.apply(anew ?? added)
    this.#sql.run(
      `INSERT INTO text_documents (space, table_no, key, column_no, state) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET state = excluded.state`,
      [...place, text.state],
    )
    return text.text
  }

  #text(place: Place): SharedText {
    return new SharedText(
      this.#sql.get<{ state: Uint8Array }>(`SELECT state FROM text_documents WHERE ${AT}`, [...place])?.state,
    )
  }

  /** A row of which nothing else has come yet is made: its clock is empty. */
  #show(
    space: number,
    { table }: ReplicatedEntity,
    key: string,
    column: string,
    value: string | number,
  ): void {
    this.#sql.run(
      `INSERT INTO ${table} (space, id, clock, ${column}) VALUES (?, ?, x'', ?)
       ON CONFLICT (space, id) DO UPDATE SET ${column} = excluded.${column}`,
      [space, key, value],
    )
  }
}

function isCounterOf({ columns }: ReplicatedEntity, column: number): boolean {
  return Object.values<Column>(columns).some(({ number, type }) => number === column && type === 'counter')
}

type SharedColumn = Column & { readonly type: 'counter' | 'shared_text' }

/** True for a column that adds up. */
export function isShared(column: Column): column is SharedColumn {
  return column.type === 'counter' || column.type === 'shared_text'
}

/** The counters and texts of a table, by name. */
export function sharedColumns(entity: ReplicatedEntity): [name: string, column: SharedColumn][] {
  return Object.entries<Column>(entity.columns).filter((named): named is [string, SharedColumn] =>
    isShared(named[1]),
  )
}

function clockIn(bytes: Uint8Array): ClockState {
  const view = Buffer.from(bytes)
  return { ms: view.readUIntBE(0, 6), counter: view.readUInt16BE(6) }
}
