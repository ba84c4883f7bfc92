import { type ClockState, receive } from '../../crdt/hlc.ts'
import { decodeOperation } from '../../crdt/operation.ts'
import type { VoidedRun } from '../../crdt/void.ts'
import type { LogRow } from './logs.ts'
import type { Sql } from './sql.ts'

/**
 * The highest stamp among the operations of these logs that count: within a log stamps grow, so the last one that has a
 * body, does not wait and is in none of the runs tells.
 */
export function newestStamp(sql: Sql, logs: readonly LogRow[], voided: readonly VoidedRun[]): ClockState {
  let newest: ClockState = { ms: 0, counter: 0 }
  for (const log of logs) {
    const stamp = lastStamp(sql, log, voided)
    if (stamp) newest = receive(newest, stamp)
    const snapshot = sql.get<ClockState>(
      'SELECT ms, counter FROM floor_positions WHERE log = ? AND kept = 0 AND ms IS NOT NULL',
      [log.ref],
    )
    if (snapshot) newest = receive(newest, snapshot)
  }
  return newest
}

function lastStamp(sql: Sql, { ref }: LogRow, voided: readonly VoidedRun[]): ClockState | undefined {
  const runs = voided.filter(({ log }) => log === ref)
  const row = sql.get<{ body: Uint8Array }>(
    `SELECT body FROM sync_operations o WHERE log = ? AND body IS NOT NULL
       AND NOT EXISTS (SELECT 1 FROM held_operations h WHERE h.log = o.log AND h.seq = o.seq AND h.reason = 'future')
       ${runs.map(() => 'AND (o.seq < ? OR o.seq > ?)').join(' ')}
       AND NOT EXISTS (SELECT 1 FROM void_operations v WHERE v.log = o.log AND v.seq = o.seq)
     ORDER BY seq DESC LIMIT 1`,
    [ref, ...runs.flatMap(({ first, last }) => [first, last])],
  )
  return row && decodeOperation(row.body).hlc
}
