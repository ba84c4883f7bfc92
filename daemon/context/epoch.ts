import { createHash } from 'node:crypto'
import type { Sql } from '../vault/sql.ts'

/**
 * A name for the state of the facts and of what is derived from them. Log heads change with every fact, the queue
 * and the counts with derivation.
 */
export function epochOf(sql: Sql): string {
  const heads = sql.all<{ head: string }>(
    `SELECT hex(device) || hex(incarnation) || head_seq || hex(head_hash) AS head FROM logs
     ORDER BY space, device, incarnation`,
  )
  const derived = sql.get<{ units: number | null; queued: number; topics: number | null }>(
    `SELECT (SELECT units FROM unit_counts) AS units, (SELECT count(*) FROM derivation_queue) AS queued,
       (SELECT sum(unit_count) FROM topic_profiles) AS topics`,
  )
  return createHash('sha256')
    .update(JSON.stringify([heads.map(({ head }) => head), derived]))
    .digest('hex')
    .slice(0, 32)
}
