import { setTimeout as delay } from 'node:timers/promises'
import { Backoff } from './backoff.ts'
import { type Account, type AccountOptions, accountFor } from './embedded/account.ts'
import { noPostgres, postgresBinaries } from './embedded/binaries.ts'
import { ensureCluster, POSTGRES_USER } from './embedded/cluster.ts'
import { readPostmaster, stopLeftover } from './embedded/postmaster.ts'
import { makeSocketFolder, SOCKET_NUMBER, type SocketFolder } from './embedded/socket-folder.ts'
import { runWatched, type Watched } from './embedded/watched-process.ts'
import type { MasterLog } from './master-log.ts'

const POLL_MS = 10
/** Recovery after a crash may take its time. */
const READY_MS = 120_000
const STOP_MS = 4_000
const FIRST_RESTART_MS = 250
const LONGEST_RESTART_MS = 30_000
/** Running for this long, it has recovered. */
const HEALTHY_MS = 60_000

/** Small: the registry of some thousand people. Nothing listens but the socket. */
const SETTINGS = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '20',
  shared_buffers: '16MB',
  fsync: 'on',
  synchronous_commit: 'on',
  wal_level: 'minimal',
  max_wal_senders: '0',
  max_wal_size: '64MB',
  max_worker_processes: '0',
  max_parallel_workers: '0',
  io_method: 'sync',
  huge_pages: 'off',
  jit: 'off',
  timezone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  // Who signed what is nobody's business but the table's.
  log_min_error_statement: 'panic',
} as const

export interface EmbeddedPostgresOptions extends Partial<Omit<AccountOptions, 'folder'>> {
  /** Its data is kept in `postgres/` below. Made when absent, 0700. */
  readonly folder: string
  readonly log: MasterLog
  /** A number in [0, 1): spreads restarts. */
  readonly chance?: () => number
}

/** How to reach it; there is no password, the folder of the socket is closed to others. */
export interface PostgresConnection {
  /** The folder of the socket. */
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

/**
 * A PostgreSQL of our own on a Unix socket. It stops when this process does, however that ends, and is started again
 * when it dies. One process for one folder: the holder of the data-directory lock.
 */
export class EmbeddedPostgres {
  readonly connection: PostgresConnection
  readonly #account: Account
  readonly #data: string
  readonly #socket: SocketFolder
  readonly #log: MasterLog
  readonly #backoff: Backoff
  #server: Watched | undefined
  readonly #stopping = new AbortController()
  #supervision: Promise<void> = Promise.resolve()

  private constructor(
    account: Account,
    data: string,
    { log, chance = Math.random }: EmbeddedPostgresOptions,
  ) {
    this.#account = account
    this.#data = data
    this.#log = log
    this.#backoff = new Backoff(FIRST_RESTART_MS, LONGEST_RESTART_MS, chance)
    this.#socket = makeSocketFolder(account)
    this.connection = {
      host: this.#socket.path,
      port: SOCKET_NUMBER,
      user: POSTGRES_USER,
      database: 'postgres',
    }
  }

  /** Resolves when it takes connections. @throws VivimError `Unavailable`, `Corrupt` */
  static async start(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
    const account = await accountFor({ ...options, binaries: options.binaries ?? (await postgresBinaries()) })
    const data = await ensureCluster(account)
    if (await stopLeftover(data)) options.log.warn({}, 'a PostgreSQL that had been left running was stopped')
    const postgres = new EmbeddedPostgres(account, data, options)
    try {
      await postgres.#run()
    } catch (error) {
      postgres.#socket.remove()
      throw error
    }
    postgres.#supervision = postgres.#supervise()
    return postgres
  }

  /** The process that owns the data folder; undefined while there is none. */
  get pid(): number | undefined {
    return readPostmaster(this.#data)?.pid
  }

  /** Stops it in order, its watchdog if that takes too long. Never throws. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#server?.interrupt()
    const late = setTimeout(() => this.#server?.release(), STOP_MS)
    await this.#supervision
    clearTimeout(late)
    this.#socket.remove()
  }

  /** Starts the process and waits until it is ready. Nothing of an earlier one may be left. */
  async #run(): Promise<void> {
    const settings = Object.entries(SETTINGS).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const server = runWatched(
      this.#account,
      [this.#account.binaries.postgres, '-D', this.#data, '-k', this.#socket.path, ...settings],
      (line) => this.#tell(line),
    )
    let over = false
    void server.exited.then(() => {
      over = true
    })
    const deadline = performance.now() + READY_MS
    while (readPostmaster(this.#data)?.status !== 'ready') {
      if (over) throw noPostgres('it ended at once.', new Error(server.tail()))
      if (performance.now() > deadline || this.#stopping.signal.aborted) {
        server.release()
        await server.exited
        throw noPostgres('it was not ready in time.')
      }
      await delay(POLL_MS)
    }
    this.#server = server
    if (this.#stopping.signal.aborted) server.interrupt()
  }

  /** Brings it back until it is told to stop. */
  async #supervise(): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      const startedAt = performance.now()
      const server = this.#server
      const code = await server?.exited
      server?.release()
      if (signal.aborted) return
      if (performance.now() - startedAt > HEALTHY_MS) this.#backoff.reset()
      if (server) this.#log.error({ code }, 'PostgreSQL ended and is started again')
      this.#server = undefined
      await delay(this.#backoff.next(), undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      try {
        // Its watchdog may be what ended.
        await stopLeftover(this.#data)
        await this.#run()
      } catch (error) {
        this.#log.error({ reason: reasonOf(error) }, 'PostgreSQL could not be started again')
      }
    }
  }

  #tell(line: string): void {
    if (/\b(?:FATAL|PANIC):/.test(line)) this.#log.warn({ line }, 'PostgreSQL has something to say')
  }
}

function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  return cause instanceof Error ? `${message} ${cause.message}` : message
}
