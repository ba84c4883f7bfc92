import { rowOfOperation } from '../../crdt/operation.ts'
import type { Hold } from '../../crdt/sync-audit-frames.ts'
import type { VoidedRun } from '../../crdt/void.ts'
import type { Sql } from './sql.ts'

/**
 * Why an operation waits: its stamp is ahead of our time, a newer program's kind, table, column or name, an ERASE among
 * too many of one device, or what decides whether it counts has not come.
 */
export type HoldReason = 'future' | 'schema' | 'mass-erasure' | 'membership'

export interface HeldOperation {
  readonly log: number
  readonly seq: number
  readonly hash: Uint8Array
  readonly reason: HoldReason
  /** Null when it was erased while it waited. */
  readonly body: Uint8Array | null
}

export interface HeldPlace extends Omit<HeldOperation, 'hash'> {
  /** Milliseconds UTC. */
  readonly until: number | null
}

/** Operations that are stored and chained and not merged yet. */
export class HeldOperations {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  add(log: number, seq: number, reason: HoldReason, until: number | null): void {
    this.#sql.run('INSERT OR IGNORE INTO held_operations (log, seq, reason, until) VALUES (?, ?, ?, ?)', [
      log,
      seq,
      reason,
      until,
    ])
  }

  /** Takes out those that are due. */
  takeDue(now: number): HeldOperation[] {
    return this.#take('h.until <= ?', [now])
  }

  /** Takes out those of a newer program: called once that program runs. */
  takeUnknown(): HeldOperation[] {
    return this.#take("h.reason = 'schema'", [])
  }

  /** Takes out those that wait for what decides whether they count. */
  takeUndecided(): HeldOperation[] {
    return this.#take("h.reason = 'membership'", [])
  }

  /** Takes out those that a VOID covers: neither time nor a newer program makes them due. */
  takeWithin({ log, first, last }: VoidedRun): HeldOperation[] {
    return this.#take("h.log = ? AND h.seq BETWEEN ? AND ? AND h.reason IN ('future', 'schema')", [
      log,
      first,
      last,
    ])
  }

  /** All of a space, in no order that matters; also logs that are kept back whole: rows show what they say. */
  list(space: number): Hold[] {
    return this.#sql.all<Hold>(
      `SELECT l.device, l.incarnation, h.seq AS sequence, h.reason FROM held_operations h
       JOIN logs l ON l.ref = h.log WHERE l.space = ?1
       UNION ALL SELECT device, incarnation, head_seq, 'clock' FROM logs
       WHERE space = ?1 AND suspect IS NOT NULL AND head_seq > 0`,
      [space],
    )
  }

  /** Those behind a place, in the order of logs and sequences. */
  page(log: number, seq: number, limit: number): HeldPlace[] {
    return this.#sql.all<HeldPlace>(
      `SELECT h.log, h.seq, h.reason, h.until, o.body FROM held_operations h
       LEFT JOIN sync_operations o ON o.log = h.log AND o.seq = h.seq AND o.branch = 0
       WHERE (h.log, h.seq) > (?, ?) ORDER BY h.log, h.seq LIMIT ?`,
      [log, seq, limit],
    )
  }

  count(): number {
    return this.#sql.get<{ n: number }>('SELECT count(*) AS n FROM held_operations')!.n
  }

  /** When the next one is due, milliseconds UTC. */
  nextDue(): number | undefined {
    return (
      this.#sql.get<{ due: number | null }>('SELECT min(until) AS due FROM held_operations')?.due ?? undefined
    )
  }

  has(log: number, seq: number): boolean {
    return this.#sql.get('SELECT 1 FROM held_operations WHERE log = ? AND seq = ?', [log, seq]) !== undefined
  }

  /** Keys of held operations of a table. */
  keys(table: number): string[] {
    return this.#sql
      .all<{ head: Uint8Array }>(
        `SELECT o.body AS head FROM held_operations h JOIN sync_operations o ON o.log = h.log AND o.seq = h.seq
         WHERE o.body IS NOT NULL`,
      )
      .flatMap(({ head }) => {
        const row = rowOfOperation(head)
        return row?.table === table ? [row.key] : []
      })
  }

  #take(condition: string, params: readonly number[]): HeldOperation[] {
    const held = this.#sql.all<HeldOperation>(
      `SELECT h.log, h.seq, h.reason, o.hash, o.body FROM held_operations h
       JOIN sync_operations o ON o.log = h.log AND o.seq = h.seq AND o.branch = 0
       WHERE ${condition} ORDER BY h.log, h.seq`,
      params,
    )
    for (const { log, seq } of held)
      this.#sql.run('DELETE FROM held_operations WHERE log = ? AND seq = ?', [log, seq])
    return held
  }
}
