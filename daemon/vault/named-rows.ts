import { rowOfOperation } from '../../crdt/operation.ts'
import type { ReplicatedEntity } from '../../schema/entities/index.ts'
import { BODY_HEAD_BYTES, type ErasedMarkers, type Marker, nameOf, type RowName } from './erasure.ts'
import type { HeldOperations } from './held-operations.ts'
import type { Sql } from './sql.ts'

const BATCH = 5_000

/** Finds what markers mean: they name a row to whoever has its key, so every key there is has to be tried. */
export class NamedRows {
  readonly #sql: Sql
  readonly #space: number
  readonly #held: HeldOperations
  readonly #markers: ErasedMarkers

  constructor(options: { sql: Sql; space: number; held: HeldOperations; markers: ErasedMarkers }) {
    this.#sql = options.sql
    this.#space = options.space
    this.#held = options.held
    this.#markers = options.markers
  }

  /** By marker: the rows they mean, among those that are here. */
  present(erasures: readonly Marker[]): Map<string, RowName> {
    return this.#among(erasures, (entity) => this.#rows(entity))
  }

  /** By marker: the rows they mean, among those that are here, wait to be merged, or never came to be one. */
  ever(erasures: readonly Marker[]): Map<string, RowName> {
    const named = this.#among(erasures, (entity) => this.#keysBesides(entity))
    const unknown = erasures.filter(({ entity, marker }) => !named.has(nameOf(entity.number, marker)))
    if (unknown.length === 0) return named
    const inLogs = this.#keysInLogs(new Set(unknown.map(({ entity }) => entity.number)))
    const found = this.#among(unknown, ({ number }) => inLogs.get(number) ?? new Set<string>())
    return new Map([...named, ...found])
  }

  #among(
    erasures: readonly Marker[],
    keysOf: (entity: ReplicatedEntity) => ReadonlySet<string>,
  ): Map<string, RowName> {
    const named = new Map<string, RowName>()
    for (const [entity, group] of Map.groupBy(erasures, (erasure) => erasure.entity)) {
      const names = new Set(group.map(({ marker }) => nameOf(entity.number, marker)))
      for (const row of this.#markers.keysOf(entity, names, keysOf(entity)))
        named.set(nameOf(entity.number, this.#markers.markerOf(row)), row)
    }
    return named
  }

  #rows({ table }: ReplicatedEntity): Set<string> {
    const rows = this.#sql.all<{ id: string }>(`SELECT id FROM ${table} WHERE space = ?`, [this.#space])
    return new Set(rows.map(({ id }) => id))
  }

  #keysBesides(entity: ReplicatedEntity): Set<string> {
    const recovered = this.#sql.all<{ id: string }>(
      'SELECT key AS id FROM recovered_items WHERE table_no = ?',
      [entity.number],
    )
    return new Set([
      ...this.#rows(entity),
      ...recovered.map(({ id }) => id),
      ...this.#held.keys(entity.number),
    ])
  }

  /** What is void makes no row, and says something all the same. */
  #keysInLogs(tables: ReadonlySet<number>): Map<number, Set<string>> {
    const keys = new Map([...tables].map((table) => [table, new Set<string>()]))
    for (let after = 0; ; ) {
      const batch = this.#sql.all<{ id: number; head: Uint8Array }>(
        `SELECT id, substr(body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations
         WHERE id > ? AND body IS NOT NULL ORDER BY id LIMIT ${BATCH}`,
        [after],
      )
      for (const { head } of batch) {
        const row = rowOfOperation(head)
        if (row) keys.get(row.table)?.add(row.key)
      }
      const last = batch.at(-1)
      if (!last) return keys
      after = last.id
    }
  }
}
