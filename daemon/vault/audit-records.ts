import type { ItemName } from '../../crdt/range-fingerprints.ts'
import { ENTITY_BY_NUMBER } from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Sql } from './sql.ts'

export type AuditOutcome = 'same' | 'incomparable' | 'different'

/** Two devices held the same operations and showed different rows. */
export interface Alarm {
  readonly device: Uint8Array
  /** Milliseconds UTC. */
  readonly at: number
  /** Rows that differed, and how many of them were made again here: the others were right here. */
  readonly rows: number
  readonly remade: number
  /** The first of them: model and key, never content. */
  readonly names: readonly string[]
}

/** What comparisons of all rows with other devices came to. */
export class AuditRecords {
  readonly #sql: Sql

  constructor(sql: Sql) {
    this.#sql = sql
  }

  record(device: Uint8Array, result: AuditOutcome, now: number): void {
    this.#sql.run('INSERT OR REPLACE INTO sync_audits (device, at, result) VALUES (?, ?, ?)', [
      device,
      now,
      result,
    ])
  }

  lastOf(device: Uint8Array): { readonly at: number; readonly result: AuditOutcome } | null {
    return this.#sql.get('SELECT at, result FROM sync_audits WHERE device = ?', [device]) ?? null
  }

  /** Keeps the newest ones. */
  raise({ device, at, rows, remade, names }: Alarm): void {
    this.#sql.run('INSERT INTO sync_alarms (device, at, rows, remade, names_json) VALUES (?, ?, ?, ?, ?)', [
      device,
      at,
      rows,
      remade,
      JSON.stringify(names),
    ])
    this.#sql.run('DELETE FROM sync_alarms WHERE id <= (SELECT max(id) FROM sync_alarms) - ?', [
      LIMITS.syncAlarms,
    ])
  }

  /** Newest first. */
  alarms(): Alarm[] {
    return this.#sql
      .all<Omit<Alarm, 'names'> & { names_json: string }>('SELECT * FROM sync_alarms ORDER BY id DESC')
      .map(({ device, at, rows, remade, names_json }) => ({
        device,
        at,
        rows,
        remade,
        names: JSON.parse(names_json),
      }))
  }
}

/** As alarms and the log name a row: `Conversation abc`. */
export function nameOfItem({ table, key }: ItemName): string {
  const model = ENTITY_BY_NUMBER.get(table)?.name ?? `table ${table}`
  return typeof key === 'string' ? `${model} ${key}` : `erased ${model} ${Buffer.from(key).toString('hex')}`
}
