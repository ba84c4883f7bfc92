import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { PostgresConnection } from './embedded-postgres.ts'
import type { MasterLog } from './master-log.ts'

const FOLDER = new URL('../../schema/master/', import.meta.url)
/** Any number, the same for everybody who migrates a master. */
const MIGRATION_LOCK = 7_601_846
const UNDEFINED_TABLE = '42P01'
const READ_ONLY = '25006'
const CLOSE_MS = 1_000

export interface QueryResult {
  readonly rows: readonly Readonly<Record<string, unknown>>[]
  /** Rows written. */
  readonly changed: number
}

/** One statement of a transaction. */
export type Query = (sql: string, values: readonly unknown[]) => Promise<QueryResult>

export interface Migration {
  readonly version: number
  readonly sql: string
}

/** The numbered SQL files, in order. */
export function masterMigrations(): Migration[] {
  return readdirSync(FOLDER)
    .filter((name) => /^\d{3}-[a-z0-9-]+\.sql$/.test(name))
    .sort()
    .map((name) => ({ version: Number(name.slice(0, 3)), sql: readFileSync(new URL(name, FOLDER), 'utf8') }))
}

export interface MasterDatabaseOptions {
  /** A connection, or a PostgreSQL URL; nothing of the URL is ever told to anybody. */
  readonly connection: PostgresConnection | string
  readonly log: MasterLog
  readonly migrations?: readonly Migration[]
}

/**
 * The master's PostgreSQL: a few connections, made when they are needed. The first query brings the schema up to date;
 * so does the first one after somebody put an older database in its place.
 */
export class MasterDatabase {
  readonly #pool: pg.Pool
  readonly #migrations: readonly Migration[]
  readonly #log: MasterLog
  #migrated: Promise<void> | undefined

  /** Connects to nothing yet. @throws VivimError `InvalidParams` for what is no PostgreSQL URL */
  constructor({ connection, log, migrations = masterMigrations() }: MasterDatabaseOptions) {
    this.#migrations = migrations
    this.#log = log
    this.#pool = new pg.Pool({
      ...(typeof connection === 'string' ? { connectionString: checkedUrl(connection) } : connection),
      max: 4,
      idleTimeoutMillis: 10_000,
      connectionTimeoutMillis: LIMITS.masterConnectMs,
      statement_timeout: LIMITS.masterStatementMs,
      query_timeout: LIMITS.masterStatementMs + 1_000,
      application_name: 'vivimd',
      allowExitOnIdle: true,
    })
    // A connection that breaks fails its statement, or is replaced when it is needed. It also tells of itself, which
    // would end the process if nobody listened.
    this.#pool.on('error', () => {})
    this.#pool.on('connect', (client) => void client.on('error', () => {}))
  }

  /** @throws VivimError `Unavailable`, `Conflict` when the database's schema is newer than this program */
  async query(sql: string, values: readonly unknown[] = []): Promise<QueryResult> {
    try {
      this.#migrated ??= this.#migrate()
      await this.#migrated
      const { rows, rowCount } = await this.#pool.query<Record<string, unknown>>(sql, [...values])
      return { rows, changed: rowCount ?? 0 }
    } catch (error) {
      throw this.#failure(error)
    }
  }

  /** All of it or nothing; what the work throws, it throws. @throws also as `query` */
  async transaction<T>(work: (query: Query) => Promise<T>): Promise<T> {
    let client: pg.PoolClient
    try {
      this.#migrated ??= this.#migrate()
      await this.#migrated
      client = await this.#pool.connect()
    } catch (error) {
      throw this.#failure(error)
    }
    let broken: Error | undefined
    try {
      await client.query('BEGIN')
      const value = await work(async (sql, values) => {
        const { rows, rowCount } = await client.query<Record<string, unknown>>(sql, [...values])
        return { rows, changed: rowCount ?? 0 }
      })
      await client.query('COMMIT')
      return value
    } catch (error) {
      // With the connection goes the transaction; what the work refused leaves the connection whole.
      if (error instanceof VivimError) await client.query('ROLLBACK').catch((failed) => (broken = failed))
      else broken = error as Error
      throw error instanceof VivimError ? error : this.#failure(error)
    } finally {
      client.release(broken)
    }
  }

  /** Never throws, and does not wait for a statement that hangs. */
  async close(): Promise<void> {
    await Promise.race([this.#pool.end().catch(() => {}), delay(CLOSE_MS, undefined, { ref: false })])
  }

  async #migrate(): Promise<void> {
    const client = await this.#pool.connect()
    let broken: Error | undefined
    try {
      await client.query('BEGIN')
      await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK])
      await client.query(
        'CREATE TABLE IF NOT EXISTS schema_migrations (version INTEGER PRIMARY KEY, applied_at BIGINT NOT NULL)',
      )
      await this.#applyAll(client)
      await client.query('COMMIT')
    } catch (error) {
      broken = error as Error
      throw error
    } finally {
      // With the connection goes the transaction.
      client.release(broken)
    }
  }

  /** All of them in one transaction: PostgreSQL undoes also what it did to tables. */
  async #applyAll(client: pg.PoolClient): Promise<void> {
    const { rows } = await client.query<{ version: number }>(
      'SELECT coalesce(max(version), 0)::int AS version FROM schema_migrations',
    )
    const present = rows[0]!.version
    const latest = this.#migrations.at(-1)?.version ?? 0
    if (present > latest)
      throw new VivimError(
        'Conflict',
        `The master database has schema ${present}; this program knows schema ${latest}.`,
        { hint: 'Install the newer version of vivimd.' },
      )
    for (const { version, sql } of this.#migrations) {
      if (version <= present) continue
      await client.query(sql)
      await client.query(
        'INSERT INTO schema_migrations VALUES ($1, (extract(epoch FROM now()) * 1000)::bigint)',
        [version],
      )
      this.#log.info({ version }, 'the master database was migrated')
    }
  }

  #failure(error: unknown): VivimError {
    const { code } = error as { code?: unknown }
    const name = typeof code === 'string' ? code : ''
    // Whatever it was, the next query looks at the schema again: a moment's work on a new connection.
    if (!/^(?:22|23)/.test(name)) this.#migrated = undefined
    return error instanceof VivimError ? error : unavailable(name)
  }
}

/** Says what can be done about it; what the library says may name the host, the user or the URL. */
function unavailable(code: string): VivimError {
  const [what, hint] = explanation(code)
  return new VivimError('Unavailable', `The master database ${what}${code === '' ? '' : ` (${code})`}.`, {
    hint,
    retryAfterMs: LIMITS.masterPingMs,
  })
}

function explanation(code: string): [what: string, hint?: string] {
  if (/^28/.test(code)) return ['refuses the user or the password', 'Look at MASTER_DATABASE_URL.']
  if (code === '3D000') return ['does not exist there', 'Look at the end of MASTER_DATABASE_URL.']
  if (code === '42501' || code === READ_ONLY)
    return ['may not be written by this user', 'Grant it the right to create tables and to write.']
  if (code === '53100') return ['has no space left on its disk']
  if (code === UNDEFINED_TABLE) return ['was replaced and is made ready again']
  return ['is not available']
}

function checkedUrl(url: string): string {
  if (/^postgres(?:ql)?:\/\//.test(url) && isReadable(url)) return url
  throw new VivimError('InvalidParams', 'MASTER_DATABASE_URL is not the URL of a PostgreSQL.', {
    field: 'master.databaseUrl',
    hint: 'It looks like postgresql://user:password@host:5432/database.',
  })
}

/** The library reads more than URLs: an empty host with a socket's folder behind it. Its errors hold the whole text. */
function isReadable(url: string): boolean {
  try {
    new pg.Client({ connectionString: url })
    return true
  } catch {
    return false
  }
}
