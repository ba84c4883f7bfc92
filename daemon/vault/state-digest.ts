import { unpackStamps } from '../../crdt/stamps.ts'
import { StateDigest } from '../../crdt/state-digest.ts'
import { REPLICATED_ENTITIES, type ReplicatedEntity } from '../../schema/entities/index.ts'
import type { Logs } from './logs.ts'
import { valueByNumber } from './row-store.ts'
import type { Sql, SqlValue } from './sql.ts'

const PAGE = 1_000

export type FactRow = Record<string, SqlValue> & { id: string; clock: Uint8Array; deleted: number }

/** A replicated table's rows of one space in key order, read in pages. */
export function* factRows(sql: Sql, space: number, entity: ReplicatedEntity): Generator<FactRow> {
  let after = ''
  for (;;) {
    const page = sql.all<FactRow>(
      `SELECT * FROM ${entity.table} WHERE space = ? AND id > ? ORDER BY id LIMIT ${PAGE}`,
      [space, after],
    )
    yield* page
    const last = page.at(-1)
    if (!last) return
    after = last.id
  }
}

/** Hex state digest of a space: what two devices compare to know that they show the same. */
export function stateDigest(sql: Sql, logs: Logs, space: number): string {
  const digest = new StateDigest(logs.deviceOf)
  for (const entity of REPLICATED_ENTITIES) {
    for (const row of factRows(sql, space, entity))
      digest.row(
        entity.number,
        row.id,
        unpackStamps(row.clock),
        row.deleted === 1,
        valueByNumber(entity, row),
      )
    const erased = sql.all<{ marker: Uint8Array }>(
      'SELECT marker FROM erased WHERE space = ? AND table_no = ? ORDER BY marker',
      [space, entity.number],
    )
    for (const { marker } of erased) digest.erased(entity.number, marker)
  }
  return digest.hex()
}
