/** What SQLite stores and gives back. Integers beyond 2^53 come back as bigint. */
export type SqlValue = string | number | bigint | Uint8Array | null

/** Statements are prepared once per text and kept: pass values as parameters, never in the text. */
export interface Sql {
  all<T extends object>(sql: string, params?: readonly SqlValue[]): T[]
  get<T extends object>(sql: string, params?: readonly SqlValue[]): T | undefined
  /** Runs one statement; answers how many rows it changed. */
  run(sql: string, params?: readonly SqlValue[]): number
}
