import sqlite, { type Statement } from 'node-sqlite3-wasm'
import { VivimError } from '../../schema/errors.ts'
import type { Sql, SqlValue } from './sql.ts'

type Row = Record<string, SqlValue>

/** Prepared statements kept per database; the least recently used one goes first. */
const STATEMENTS_KEPT = 300

/**
 * One SQLite file, opened for a single owner. The only place that knows node-sqlite3-wasm.
 *
 * The order of the pragmas matters: this build has no shared memory, so WAL needs EXCLUSIVE locking first, and
 * otherwise stays silently in `delete` mode. FULL makes a commit durable against power loss.
 */
export class Database implements Sql {
  readonly #database: InstanceType<typeof sqlite.Database>
  readonly #statements = new Map<string, Statement>()

  constructor(path: string) {
    this.#database = guard(() => new sqlite.Database(path))
    try {
      this.#pragma('locking_mode = EXCLUSIVE')
      const mode = this.#pragma('journal_mode = WAL')
      if (mode !== 'wal')
        throw new VivimError(
          'UserUnavailable',
          'The database cannot use a write-ahead log on this file system.',
          {
            hint: 'Keep the data directory on a local disk.',
          },
        )
      this.#pragma('synchronous = FULL')
      this.#pragma('trusted_schema = OFF')
      this.#pragma('secure_delete = ON')
      this.#pragma('temp_store = MEMORY')
      // 16 MB of log before it is moved into the file: a fourth of the default's rewriting during imports.
      this.#pragma('wal_autocheckpoint = 4000')
      // Grows with use, so a small vault stays small; with 8 MB, deriving 200k units spent its time reading pages again.
      this.#pragma('cache_size = -64000')
      this.#pragma('foreign_keys = OFF')
    } catch (error) {
      this.#database.close()
      throw error
    }
  }

  all<T extends object>(sql: string, params: readonly SqlValue[] = []): T[] {
    return guard(() => this.#statement(sql).all(params as SqlValue[]) as unknown as T[])
  }

  get<T extends object>(sql: string, params: readonly SqlValue[] = []): T | undefined {
    // `Statement.get()` leaves the statement open, which blocks the next COMMIT.
    return this.all<T>(sql, params)[0]
  }

  run(sql: string, params: readonly SqlValue[] = []): number {
    return guard(() => this.#statement(sql).run(params as SqlValue[]).changes)
  }

  /** Runs a script of several statements without parameters. */
  script(sql: string): void {
    guard(() => this.#database.exec(sql))
  }

  /**
   * FULL waits for the disk at each commit; NORMAL leaves that to the next commit that waits, and loses nothing but
   * the last commits when the power fails: the log stays in order. Not inside a transaction.
   */
  set durability(level: 'FULL' | 'NORMAL') {
    this.#pragma(`synchronous = ${level}`)
  }

  get inTransaction(): boolean {
    return this.#database.inTransaction
  }

  /** Rewrites the file without its free pages and empties the log: afterwards deleted bytes are gone from disk. */
  compact(): void {
    this.#finalizeAll()
    this.script('VACUUM')
    this.checkpoint()
  }

  /** Moves the write-ahead log into the file and truncates it. */
  checkpoint(): void {
    this.#pragma('wal_checkpoint(TRUNCATE)')
  }

  close(): void {
    this.#finalizeAll()
    try {
      this.checkpoint()
    } finally {
      guard(() => this.#database.close())
    }
  }

  #pragma(text: string): SqlValue {
    const row = guard(() => this.#database.all(`PRAGMA ${text}`)) as Row[]
    return Object.values(row[0] ?? {})[0] ?? null
  }

  #statement(sql: string): Statement {
    let statement = this.#statements.get(sql)
    if (statement) {
      this.#statements.delete(sql)
    } else {
      statement = this.#database.prepare(sql)
      if (this.#statements.size >= STATEMENTS_KEPT) {
        const [oldest, unused] = this.#statements.entries().next().value!
        unused.finalize()
        this.#statements.delete(oldest)
      }
    }
    this.#statements.set(sql, statement)
    return statement
  }

  #finalizeAll(): void {
    for (const statement of this.#statements.values()) statement.finalize()
    this.#statements.clear()
  }
}

/** Turns SQLite's failures into ours; a bug in a statement stays what it is. */
function guard<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw translate(error)
  }
}

function translate(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof VivimError) return error
  const { message } = error
  if (/disk is full|ENOSPC|EDQUOT/i.test(message))
    return new VivimError('StorageFull', undefined, {
      cause: error,
      hint: 'Free some space; nothing was lost.',
    })
  if (/malformed|not a database|disk image/i.test(message))
    return new VivimError('Corrupt', 'The database is damaged.', { cause: error })
  if (/disk I\/O error|readonly database|unable to open/i.test(message))
    return new VivimError('UserUnavailable', 'The database cannot be read or written.', { cause: error })
  if (/database is locked/i.test(message))
    return new VivimError('UserUnavailable', 'The database is in use by another process.', { cause: error })
  return error
}
