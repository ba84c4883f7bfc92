import { type PlacedVoid, type VoidedRun, voidedRuns } from '../../crdt/void.ts'
import type { Logs } from './logs.ts'
import type { Sql } from './sql.ts'

/** The VOIDs this vault holds, and the operations that count no more because of them. ERASEs among these stay. */
export class VoidOperations {
  readonly #sql: Sql
  readonly #logs: Logs
  readonly #space: number
  #runs: readonly VoidedRun[] | undefined

  constructor(sql: Sql, logs: Logs, space: number) {
    this.#sql = sql
    this.#logs = logs
    this.#space = space
  }

  add(log: number, seq: number, from: number): void {
    this.#sql.run('INSERT OR IGNORE INTO void_operations (log, seq, from_seq) VALUES (?, ?, ?)', [
      log,
      seq,
      from,
    ])
    this.#runs = undefined
  }

  covers(log: number, seq: number): boolean {
    return this.runs().some((run) => run.log === log && seq >= run.first && seq <= run.last)
  }

  runs(): readonly VoidedRun[] {
    this.#runs ??= this.#read()
    return this.#runs
  }

  /** After a rollback, a fork, or another judgement of who may write. */
  reload(): void {
    this.#runs = undefined
  }

  #read(): VoidedRun[] {
    // What was judged void takes nothing back.
    const voids = this.#sql.all<PlacedVoid>(
      `SELECT v.log, v.seq, v.from_seq AS "from" FROM void_operations v
       WHERE NOT EXISTS (SELECT 1 FROM segments s WHERE s.log = v.log AND s.counts_to IS NOT NULL
         AND v.seq >= s.first AND v.seq < s.first + s.count AND v.seq > s.counts_to)`,
    )
    return voids.length === 0 ? [] : voidedRuns(this.#logs.list(this.#space), voids)
  }
}
