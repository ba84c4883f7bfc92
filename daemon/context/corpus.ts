import { unitCount } from '../vault/conversation-counts.ts'
import type { Sql } from '../vault/sql.ts'
import { epochOf } from './epoch.ts'

/**
 * What retrieval needs to know of all units: how many there are, and in how many a word stands. Figures are kept
 * until the database changes; nobody else writes to it, so the connection's own counter tells.
 */
export class Corpus {
  readonly #sql: Sql
  #changes = -1
  /** Changes of earlier connections. */
  #before = 0
  #units: number | undefined
  #newest: number | null | undefined
  #epoch: string | undefined
  readonly #frequencies = new Map<string, number>()

  constructor(sql: Sql) {
    this.#sql = sql
    this.#connect()
  }

  /**
   * A database that was compacted has a new connection, without temporary tables and with a counter that begins at
   * 0; the answers of `refresh` go on rising.
   */
  #connect(): void {
    if (this.#sql.get("SELECT 1 FROM temp.sqlite_master WHERE name = 'unit_vocabulary'")) return
    // `row`: one line per term. A temporary table: it leaves no trace in the file.
    this.#sql.run(
      `CREATE VIRTUAL TABLE IF NOT EXISTS temp.unit_vocabulary USING fts5vocab ('main', 'unit_index', 'row')`,
    )
    this.#before = this.#changes + 1
  }

  /**
   * Forgets figures older than the last change. The answer grows with every change to the database, through any
   * table. To be called before a query is answered.
   */
  refresh(): number {
    this.#connect()
    const changes = this.#before + this.#sql.get<{ n: number }>('SELECT total_changes() AS n')!.n
    if (changes !== this.#changes) {
      this.#changes = changes
      this.#units = undefined
      this.#newest = undefined
      this.#epoch = undefined
      this.#frequencies.clear()
    }
    return changes
  }

  get units(): number {
    this.#units ??= unitCount(this.#sql)
    return this.#units
  }

  /** When the newest conversation was last written to; null when none is dated. */
  get newest(): number | null {
    if (this.#newest === undefined)
      this.#newest = this.#sql.get<{ at: number | null }>(
        'SELECT max(updated_at) AS at FROM conversations',
      )!.at
    return this.#newest
  }

  get epoch(): string {
    this.#epoch ??= epochOf(this.#sql)
    return this.#epoch
  }

  /** Units in which this stemmed word stands. */
  frequencyOf(term: string): number {
    let frequency = this.#frequencies.get(term)
    if (frequency === undefined) {
      frequency =
        this.#sql.get<{ doc: number }>('SELECT doc FROM temp.unit_vocabulary WHERE term = ?', [term])?.doc ??
        0
      this.#frequencies.set(term, frequency)
    }
    return frequency
  }
}
