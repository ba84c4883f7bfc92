import { chmodSync, closeSync, fsyncSync, openSync, renameSync, rmSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import sqlite, { type Statement } from 'node-sqlite3-wasm'
import { VivimError } from '../../schema/errors.ts'
import type { Sql, SqlValue } from './sql.ts'

type Row = Record<string, SqlValue>

/** With so little left a write that failed failed for want of room: a commit of a large import writes about as much. */
const FULL_BYTES = 1024 * 1024
/** Prepared statements kept per database; the least recently used one goes first. */
const STATEMENTS_KEPT = 300

/**
 * One SQLite file, opened for a single owner. The only place that knows node-sqlite3-wasm.
 *
 * The order of the pragmas matters: this build has no shared memory, so WAL needs EXCLUSIVE locking first, and
 * otherwise stays silently in `delete` mode. FULL makes a commit durable against power loss.
 */
export class Database implements Sql {
  readonly #path: string
  #database: InstanceType<typeof sqlite.Database>
  readonly #statements = new Map<string, Statement>()

  constructor(path: string) {
    this.#path = path
    for (const left of [compactCopy(path), `${compactCopy(path)}.lock`])
      rmSync(left, { recursive: true, force: true })
    this.#database = this.#open()
  }

  #open(): InstanceType<typeof sqlite.Database> {
    const database = guard(this.#path, () => new sqlite.Database(this.#path))
    const set = (text: string) => pragma(database, this.#path, text)
    try {
      set('locking_mode = EXCLUSIVE')
      if (set('journal_mode = WAL') !== 'wal')
        throw new VivimError(
          'UserUnavailable',
          'The database cannot use a write-ahead log on this file system.',
          {
            hint: 'Keep the data directory on a local disk.',
          },
        )
      set('synchronous = FULL')
      set('trusted_schema = OFF')
      set('secure_delete = ON')
      set('temp_store = MEMORY')
      // 16 MB of log before it is moved into the file: a fourth of the default's rewriting during imports.
      set('wal_autocheckpoint = 4000')
      // Grows with use, so a small vault stays small; with 8 MB, deriving 200k units spent its time reading pages again.
      set('cache_size = -32000')
      set('foreign_keys = OFF')
      return database
    } catch (error) {
      database.close()
      throw error
    }
  }

  all<T extends object>(sql: string, params: readonly SqlValue[] = []): T[] {
    return this.#use(sql, (statement) => statement.all(params as SqlValue[]) as unknown as T[])
  }

  get<T extends object>(sql: string, params: readonly SqlValue[] = []): T | undefined {
    // `Statement.get()` leaves the statement open, which blocks the next COMMIT.
    return this.all<T>(sql, params)[0]
  }

  run(sql: string, params: readonly SqlValue[] = []): number {
    return this.#use(sql, (statement) => statement.run(params as SqlValue[]).changes)
  }

  /** Runs a script of several statements without parameters. */
  script(sql: string): void {
    guard(this.#path, () => this.#database.exec(sql))
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

  /**
   * Replaces the file by a copy without free pages: afterwards deleted bytes are in no file of this database. A copy
   * beside it, and not VACUUM, which would build the whole of it in memory that is never given back.
   */
  compact(): void {
    const copy = compactCopy(this.#path)
    this.copyTo(copy)
    this.checkpoint()
    guard(this.#path, () => this.#database.close())
    try {
      renameSync(copy, this.#path)
      syncFile(dirname(this.#path))
    } finally {
      this.#database = this.#open()
    }
  }

  /** A copy without free pages as a new file, 0600 and durable. @throws VivimError `StorageFull` */
  copyTo(copy: string): void {
    this.#finalizeAll()
    try {
      this.script(`VACUUM INTO '${copy.replaceAll("'", "''")}'`)
      syncFile(copy)
      chmodSync(copy, 0o600)
    } catch (error) {
      rmSync(copy, { force: true })
      throw translate(error, dirname(copy))
    }
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
      guard(this.#path, () => this.#database.close())
    }
  }

  #pragma(text: string): SqlValue {
    return pragma(this.#database, this.#path, text)
  }

  /** A statement that failed cannot be bound again, so it is not kept. */
  #use<T>(sql: string, work: (statement: Statement) => T): T {
    return guard(this.#path, () => {
      const statement = this.#statement(sql)
      try {
        return work(statement)
      } catch (error) {
        this.#statements.delete(sql)
        try {
          statement.finalize()
        } catch {} // says again what the statement said
        throw error
      }
    })
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

function pragma(database: InstanceType<typeof sqlite.Database>, path: string, text: string): SqlValue {
  const row = guard(path, () => database.all(`PRAGMA ${text}`)) as Row[]
  return Object.values(row[0] ?? {})[0] ?? null
}

/** Where a compacted copy is made; one that is found at the start was left by a crash. */
function compactCopy(path: string): string {
  return `${path}.compact`
}

function syncFile(path: string): void {
  const descriptor = openSync(path, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Turns SQLite's failures into ours; a bug in a statement stays what it is. */
function guard<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw translate(error, dirname(path))
  }
}

/** Less than what a commit may need at once is left. */
function isFull(folder: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize < FULL_BYTES
  } catch {
    return false
  }
}

/** What a person can do about a file that cannot be read any more. */
export function damaged(cause: unknown): VivimError {
  return new VivimError('Corrupt', 'The database is damaged.', {
    cause,
    hint: 'With another device: vivimd user repair NAME. Without: vivimd backup restore FILE.',
  })
}

function translate(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || error instanceof VivimError) return error
  const { message } = error
  if (/disk is full|ENOSPC|EDQUOT|out of memory/i.test(message))
    return new VivimError('StorageFull', undefined, {
      cause: error,
      hint: 'Free some space; nothing was lost.',
    })
  if (/malformed|not a database|disk image|corrupt|vtable constructor failed/i.test(message))
    return damaged(error)
  // SQLite's file layer only says that a write failed; the file system knows why.
  if (/disk I\/O error/i.test(message) && isFull(folder))
    return new VivimError('StorageFull', undefined, {
      cause: error,
      hint: 'Free some space; nothing was lost.',
    })
  if (/disk I\/O error|readonly database|unable to open|could not open|EROFS|EACCES|EPERM/i.test(message))
    return new VivimError('UserUnavailable', 'The database cannot be read or written.', { cause: error })
  if (/database is locked/i.test(message))
    return new VivimError('UserUnavailable', 'The database is in use by another process.', { cause: error })
  return error
}
