import type { Operation } from '../../crdt/operation.ts'
import { Conversation, Notebook, type ReplicatedEntity } from '../../schema/entities/index.ts'
import { type ErasedMarkers, hollowOperations, type Marker, nameOf, type RowName } from './erasure.ts'
import { type Erasure, type Erasures, hidingDeletion } from './erasures.ts'
import type { NamedRows } from './named-rows.ts'
import type { OperationLog } from './operation-log.ts'
import type { RowStore, StampedOperation } from './row-store.ts'
import type { Sql } from './sql.ts'

export interface EraserOptions {
  readonly sql: Sql
  readonly space: number
  /** The log this device writes now. */
  readonly log: () => OperationLog
  readonly rows: RowStore
  readonly names: NamedRows
  readonly markers: ErasedMarkers
  readonly erasures: Erasures
  /** An ERASE of that row, stamped now. */
  readonly operation: (entity: ReplicatedEntity, marker: Uint8Array) => Operation
  readonly now: () => number
}

/** Takes rows out of a vault for good, and every body that says what they were. Runs inside transactions. */
export class Eraser {
  readonly #deps: EraserOptions

  constructor(options: EraserOptions) {
    this.#deps = options
  }

  /** What this device erases. */
  erase(rows: readonly RowName[]): void {
    const { sql, markers, erasures } = this.#deps
    const log = this.#deps.log()
    log.flush()
    log.closeSegment()
    hollowOperations(sql, rows)
    for (const row of rows) {
      this.#remove(row)
      const marker = markers.add(row)
      const operation = this.#deps.operation(row.entity, marker)
      log.append(operation)
      erasures.add({ entity: row.entity, marker, log: log.ref, seq: log.sequence, ms: operation.hlc.ms })
    }
    this.#purgeLater()
  }

  /** ERASEs that only a log said which is left behind: they are said again, and what they name goes. */
  eraseAgain(erased: readonly Marker[]): void {
    if (erased.length === 0) return
    const { sql, markers, erasures, names } = this.#deps
    const log = this.#deps.log()
    log.flush()
    log.closeSegment()
    const rows = [...names.ever(erased).values()]
    hollowOperations(sql, rows)
    for (const row of rows) this.#remove(row)
    for (const { entity, marker } of erased) {
      markers.addMarker({ entity, marker })
      const operation = this.#deps.operation(entity, marker)
      log.append(operation)
      erasures.add({ entity, marker, log: log.ref, seq: log.sequence, ms: operation.hlc.ms })
    }
    this.#purgeLater()
  }

  /** What another device erased goes here as well: rows, bodies of operations, and the open segment's seed. */
  eraseMarked(erased: readonly Erasure[]): RowName[] {
    if (erased.length === 0) return []
    const { sql, markers, erasures, names } = this.#deps
    this.#deps.log().closeSegment()
    for (const erasure of erased) {
      markers.addMarker(erasure)
      erasures.add(erasure)
    }
    const rows = [...names.ever(erased).values()]
    hollowOperations(sql, rows)
    for (const row of rows) this.#remove(row)
    this.#purgeLater()
    return rows
  }

  /** What waits to be erased is deleted meanwhile, under the stamp of its ERASE; answers those deletions. */
  hide(waiting: readonly Erasure[]): StampedOperation[] {
    if (waiting.length === 0) return []
    const { rows, erasures, space, names } = this.#deps
    const named = names.ever(waiting)
    const deletions = waiting.flatMap((erasure) => {
      const key = named.get(nameOf(erasure.entity.number, erasure.marker))?.key
      erasures.add(erasure, true, key)
      return key === undefined ? [] : [hidingDeletion(erasure, key)]
    })
    rows.merge(space, deletions)
    return deletions
  }

  #remove({ entity, key }: RowName): void {
    const { sql, rows, space } = this.#deps
    rows.remove(space, entity, key)
    sql.run('DELETE FROM snapshot_rows WHERE table_no = ? AND key = ?', [entity.number, key])
    sql.run('DELETE FROM snapshot_changes WHERE table_no = ? AND key = ?', [entity.number, key])
    sql.run(
      'DELETE FROM recovered_items WHERE (table_no = ?1 AND key = ?2) OR (?1 IN (?3, ?4) AND conversation_id = ?2)',
      [entity.number, key, Conversation.number, Notebook.number],
    )
  }

  /** Snapshots say what rows were: they are made, or fetched, again. */
  #dropSnapshots(): void {
    this.#deps.sql.run('DELETE FROM snapshot_chunks')
    this.#deps.sql.run('DELETE FROM snapshots')
  }

  #purgeLater(): void {
    this.#dropSnapshots()
    this.#deps.sql.run('INSERT INTO pending_purges (requested_at) VALUES (?)', [this.#deps.now()])
  }
}
