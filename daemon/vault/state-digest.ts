import { encodeCanonical } from '../../crdt/cbor.ts'
import { unpackStamps } from '../../crdt/stamps.ts'
import { erasedEntry, rowEntry, StateDigest, type StateEntry } from '../../crdt/state-digest.ts'
import { REPLICATED_ENTITIES, type ReplicatedEntity } from '../../schema/entities/index.ts'
import type { Logs } from './logs.ts'
import { valueByNumber } from './row-store.ts'
import { SharedColumnStore } from './shared-column-store.ts'
import type { Sql, SqlValue } from './sql.ts'

/** Rows read at once: what reads them in pieces gives others their turn in between. */
const PAGE = 250

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

/** What the state digest of a space is made of, in its order. */
export function* stateEntries(sql: Sql, logs: Logs, space: number): Generator<StateEntry> {
  const shared = new SharedColumnStore(sql)
  for (const entity of REPLICATED_ENTITIES) {
    for (const row of factRows(sql, space, entity)) yield entryOf(entity, row, logs, shared)
    for (const { marker } of erasedMarkers(sql, space, entity)) yield erasedEntry(entity.number, marker)
  }
}

export function entryOf(
  entity: ReplicatedEntity,
  row: FactRow,
  logs: Logs,
  store: SharedColumnStore,
): StateEntry {
  const table = entity.number
  const key = row.id
  try {
    const stamps = unpackStamps(row.clock)
    const valueAt = valueByNumber(entity, row)
    const shared = store.entries(Number(row.space), entity, key)
    const state = { table, key, stamps, deleted: row.deleted === 1, valueAt, ...(shared && { shared }) }
    return rowEntry(state, logs.deviceOf)
  } catch {
    // Stamps of no operation: somebody damaged the file. Nobody else has that, so it will be found.
    return { table, key, bytes: encodeCanonical([table, key, row.clock]) }
  }
}

export function erasedMarkers(sql: Sql, space: number, entity: ReplicatedEntity): { marker: Uint8Array }[] {
  return sql.all('SELECT marker FROM erased WHERE space = ? AND table_no = ? ORDER BY marker', [
    space,
    entity.number,
  ])
}

/** Hex state digest of a space: what two devices compare to know that they show the same. */
export function stateDigest(sql: Sql, logs: Logs, space: number): string {
  const digest = new StateDigest()
  for (const entry of stateEntries(sql, logs, space)) digest.add(entry)
  return digest.hex()
}
