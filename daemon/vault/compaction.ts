import { decodeOperation, type Operation } from '../../crdt/operation.ts'
import { isSupersededForGood, type StableUpTo } from '../../crdt/stability.ts'
import { type RowStamps, unpackStamps } from '../../crdt/stamps.ts'
import { validityOf } from '../../crdt/validity.ts'
import type { VoidedRun } from '../../crdt/void.ts'
import { ENTITY_BY_NUMBER } from '../../schema/entities/index.ts'
import type { Sql } from './sql.ts'

/** Operations one step looks at: a few ms, and so little memory that it does not outlive the step. */
const STEP = 100

export interface CompactionStep {
  /** Operations whose bodies say nothing that is still needed. */
  readonly ids: readonly number[]
  /** Where the next step begins; undefined when all was looked at. */
  readonly next: number | undefined
}

/**
 * Looks through some stored operations, from an id on, for those of which nothing is left in their rows and whose
 * successors are stable. Operations that wait, that are void, or that are of a newer program stay as they are.
 */
export function findSuperseded(
  sql: Sql,
  space: number,
  after: number,
  stableUpTo: StableUpTo,
  voided: readonly VoidedRun[],
): CompactionStep {
  const rows = sql.all<{ id: number; log: number; hash: Uint8Array; body: Uint8Array }>(
    `SELECT id, log, hash, body FROM sync_operations o WHERE id > ? AND body IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM held_operations h WHERE h.log = o.log AND h.seq = o.seq)
       AND NOT EXISTS (SELECT 1 FROM segments s WHERE s.log = o.log AND s.counts_to IS NOT NULL
         AND o.seq >= s.first AND o.seq < s.first + s.count AND o.seq > s.counts_to)
       AND NOT EXISTS (SELECT 1 FROM json_each(?) v WHERE o.log = v.value ->> 'log'
         AND o.seq BETWEEN v.value ->> 'first' AND v.value ->> 'last')
     ORDER BY id LIMIT ${STEP}`,
    [after, JSON.stringify(voided)],
  )
  const operations = rows.map((row) => ({ ...row, operation: decodeOperation(row.body) }))
  const stamps = stampsOf(
    sql,
    space,
    operations.map(({ operation }) => operation),
  )
  const ids = operations.flatMap(({ id, log, hash, operation }) => {
    const row = stamps.get(`${operation.table}:${operation.key}`)
    if (!row || validityOf(operation) !== 'valid') return []
    const { ms, counter } = operation.hlc
    const own = { ms, counter, log, hash: hash.subarray(0, 8) }
    return isSupersededForGood(operation, own, row, stableUpTo) ? [id] : []
  })
  return { ids, next: rows.length < STEP ? undefined : rows.at(-1)!.id }
}

function stampsOf(sql: Sql, space: number, operations: readonly Operation[]): Map<string, RowStamps> {
  const found = new Map<string, RowStamps>()
  for (const [table, group] of Map.groupBy(operations, (operation) => operation.table)) {
    const entity = ENTITY_BY_NUMBER.get(table)
    if (!entity) continue
    const keys = JSON.stringify(group.flatMap(({ key }) => (typeof key === 'string' ? [key] : [])))
    for (const { id, clock } of sql.all<{ id: string; clock: Uint8Array }>(
      `SELECT id, clock FROM ${entity.table} WHERE space = ? AND id IN (SELECT value FROM json_each(?))`,
      [space, keys],
    ))
      found.set(`${table}:${id}`, unpackStamps(clock))
  }
  return found
}
