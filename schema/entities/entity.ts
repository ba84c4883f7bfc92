/**
 * What a table is, as data: one definition per model, from which the vault builds its statements, replication its
 * wire form and the tests their checks.
 */

/**
 * - `fact`: captured, written or decided by a person; replicates as operations.
 * - `derived`: a pure function of live facts and the extractor's version; rebuilt on each device.
 * - `cache`: rebuilt at will, no equality promised.
 * - `local`: this device's own state.
 * - `secret`: never leaves its store.
 */
export type TableClass = 'fact' | 'derived' | 'cache' | 'local' | 'secret'

/**
 * What a column holds. `json` is TEXT with a `json_valid` check. Of most the last write wins; a `counter` (INTEGER) is
 * the sum of what each log contributes, and a `shared_text` (TEXT) what all edits make of it together.
 */
export type ColumnType = 'text' | 'integer' | 'real' | 'blob' | 'json' | 'counter' | 'shared_text'

export interface Column {
  /** The number on the wire. Never reused; 0 is the tombstone of every table. */
  readonly number: number
  readonly type: ColumnType
  /** The only values there are, besides null. An operation with another one is void. */
  readonly oneOf?: readonly (string | number)[]
}

export interface Entity {
  /** The model's name in the seeds' classification. */
  readonly name: string
  /** The SQL table. */
  readonly table: string
  readonly class: TableClass
}

/** An entity whose rows replicate: it has a wire number, and its key is (space, id). */
export interface ReplicatedEntity extends Entity {
  readonly class: 'fact'
  /** The table's number on the wire. Never reused. */
  readonly number: number
  readonly columns: Readonly<Record<string, Column>>
}

/** A value of a replicated column. Numbers are integers unless the column is `real`. */
export type Value = string | number | bigint | Uint8Array | null

export type RowValues = Readonly<Record<string, Value>>
