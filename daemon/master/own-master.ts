import type { KeyObject } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { Network } from '../network/network.ts'
import { Backoff } from './backoff.ts'
import { MasterDatabase } from './database.ts'
import { EmbeddedPostgres, type EmbeddedPostgresOptions } from './embedded-postgres.ts'
import type { LogState } from './log/stored-log.ts'
import type { MasterLog } from './master-log.ts'
import { PostgresRegistry } from './postgres-registry.ts'
import { believable, recordsIn } from './record-check.ts'
import type { RecordKind, SignedRecord } from './record-kinds.ts'
import type { PutOutcome, Registry, RegistryEntry, Since, Witness } from './registry.ts'
import { serveRegistry } from './registry-server.ts'

const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 30_000

export interface OwnMasterOptions {
  /** `<home>/master`. */
  readonly folder: string
  /** Somebody else's PostgreSQL in place of one of our own. */
  readonly databaseUrl: string | undefined
  readonly network: Pick<Network, 'handle' | 'unhandle'>
  /** The node's own key: members know its peer id. */
  readonly instanceKey: KeyObject
  readonly log: MasterLog
  /** Milliseconds UTC. */
  readonly now: () => number
  /** A number in [0, 1). */
  readonly chance: () => number
  readonly count: (name: string) => void
  /** Something changed that may bring the database back, or take it away. */
  readonly onNews: () => void
  /** A row about a DID was signed by nobody who may. */
  readonly onForged: (did: string) => void
  readonly postgres?: Omit<EmbeddedPostgresOptions, 'folder' | 'log' | 'chance'> | undefined
}

/** The bootstrap side: a PostgreSQL, the registry in it, and the protocol that members reach it by. */
export class OwnMaster implements Registry {
  readonly #options: OwnMasterOptions
  readonly #stopping = new AbortController()
  #postgres: EmbeddedPostgres | undefined
  #database: MasterDatabase | undefined
  #registry: PostgresRegistry | undefined
  #problem = new VivimError('Unavailable', 'The master database is starting.')
  #starting: Promise<void> = Promise.resolve()
  #stopServing: () => void = () => {}

  constructor(options: OwnMasterOptions) {
    this.#options = options
  }

  /** Serves at once, and waits for the first try to start PostgreSQL; further ones happen by themselves. */
  async start(): Promise<void> {
    const { network, count } = this.#options
    this.#stopServing = serveRegistry({
      network,
      // Readers check what they are given: it would only cost us.
      registry: {
        put: (kind, record, signal) => this.put(kind, record, signal),
        witness: (since, leaves, signal) => this.witness(since, leaves, signal),
        find: (did, signal) => this.#there().find(did, this.#within(signal)),
        connections: (question, signal) => this.connections(question, signal),
        ping: (signal) => this.ping(signal),
      },
      now: () => performance.now(),
      count,
    })
    const first = Promise.withResolvers<void>()
    this.#starting = this.#startUntilItRuns(first.resolve)
    await first.promise
  }

  /** Never throws. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#stopServing()
    await this.#starting
    await this.#database?.close()
    await this.#postgres?.stop()
  }

  async put(kind: RecordKind, record: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    return this.#there().put(kind, record, this.#within(signal))
  }

  async witness(since: Since | null, leaves: readonly Uint8Array[], signal?: AbortSignal): Promise<Witness> {
    return this.#there().witness(since, leaves, this.#within(signal))
  }

  /** Begins the log anew, with this generation or a higher one. @throws VivimError `Unavailable` */
  async newGeneration(generation: number): Promise<LogState> {
    return this.#there().newGeneration(generation)
  }

  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    const entry = await this.#there().find(did, this.#within(signal))
    const kept = entry && believable(entry)
    if (entry && (kept ? recordsIn(kept).length : 0) < recordsIn(entry).length) this.#options.onForged(did)
    return kept
  }

  async connections(question: Uint8Array, signal?: AbortSignal): Promise<SignedRecord[]> {
    return this.#there().connections(question, this.#within(signal))
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.#there().ping(this.#within(signal))
  }

  async count(): Promise<{ users: number; devices: number }> {
    return this.#there().count(this.#within())
  }

  /** What all nodes say of captures, added up. @throws VivimError `Unavailable` */
  async providerStats(): Promise<Result<'master.providerStats'>['items']> {
    return this.#there().providerStats(this.#within())
  }

  async #startUntilItRuns(onFirstTry: () => void): Promise<void> {
    const { log, chance, onNews } = this.#options
    const { signal } = this.#stopping
    const backoff = new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS, chance)
    while (!signal.aborted) {
      try {
        await this.#open()
        onFirstTry()
        onNews()
        return
      } catch (error) {
        this.#problem =
          error instanceof VivimError ? error : new VivimError('Unavailable', 'The master cannot be started.')
        const cause = this.#problem.cause ?? error
        log.error({ reason: this.#problem.message, cause: (cause as Error).message }, 'no master database')
        onFirstTry()
        // A URL that is none stays one.
        if (this.#problem.code === 'InvalidParams') return
        await delay(backoff.next(), undefined, { signal }).catch(() => {})
      }
    }
  }

  /** Of a database elsewhere this only knows the address: each query finds out whether it is there. */
  async #open(): Promise<void> {
    const { folder, databaseUrl, log, now, chance, count, postgres, instanceKey } = this.#options
    if (databaseUrl === undefined)
      this.#postgres ??= await EmbeddedPostgres.start({ ...postgres, folder, log, chance })
    const connection = databaseUrl ?? this.#postgres!.connection
    this.#database = new MasterDatabase({ connection, log })
    this.#registry = new PostgresRegistry({ database: this.#database, instanceKey, now, count })
  }

  #there(): PostgresRegistry {
    if (this.#registry) return this.#registry
    throw new VivimError('Unavailable', this.#problem.message, {
      hint: this.#problem.hint,
      retryAfterMs: LIMITS.masterPingMs,
    })
  }

  #within(signal?: AbortSignal): AbortSignal {
    const own = this.#stopping.signal
    return signal ? AbortSignal.any([signal, own]) : own
  }
}
