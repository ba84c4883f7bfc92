import type { KeyObject } from 'node:crypto'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import { encodeDid, isDid } from '../identity/did.ts'
import { publicKeyBytes } from '../identity/ed25519.ts'
import { readMemberDocument } from '../identity/member-document.ts'
import { readProviderStats } from '../identity/provider-stats.ts'
import { readUserRecord } from '../identity/user-record.ts'
import type { MasterDatabase, Query, QueryResult } from './database.ts'
import { insistOnAccount, withdraw } from './ended-accounts.ts'
import { signHead } from './log/signed-head.ts'
import { append, beginGeneration, type LogState, prove, readState } from './log/stored-log.ts'
import { connectionsFor, putConnection } from './peer-connections.ts'
import {
  type CheckedRecord,
  checkedRecord,
  leafOf,
  type RecordKind,
  type SignedRecord,
} from './record-kinds.ts'
import type { PutOutcome, Registry, RegistryEntry, Since, Witness } from './registry.ts'
import { isTakenOut, signerOf } from './revoked-signers.ts'
import { bytesOf, entriesOf } from './stored-entries.ts'
import { storeStats, sumOfStats } from './stored-stats.ts'
import { until } from './until.ts'

const PUT_USER = `
INSERT INTO users (did, sequence, display_name, record, updated_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (did) DO UPDATE SET sequence = excluded.sequence, display_name = excluded.display_name,
  record = excluded.record, updated_at = excluded.updated_at
WHERE users.sequence < excluded.sequence OR $6`

/** Records made at the same moment may pass a quota by as many as there are connections. */
const PUT_DEVICE = `
INSERT INTO devices (did, device_did, sequence, expires_at, document, updated_at)
SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BYTEA), CAST($6 AS BIGINT)
WHERE EXISTS (SELECT 1 FROM devices WHERE did = $1 AND device_did = $2)
  OR (SELECT count(*) FROM devices WHERE did = $1) < $7
ON CONFLICT (did, device_did) DO UPDATE SET sequence = excluded.sequence, expires_at = excluded.expires_at,
  document = excluded.document, updated_at = excluded.updated_at
WHERE devices.sequence < excluded.sequence`

const PUT_OTHER = `
INSERT INTO signed_records (did, kind, subject, sequence, record, updated_at)
SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), CAST($5 AS BYTEA), CAST($6 AS BIGINT)
WHERE EXISTS (SELECT 1 FROM signed_records WHERE did = $1 AND kind = $2 AND subject = $3)
  OR (SELECT count(*) FROM signed_records WHERE did = $1 AND kind = $2) < $7
ON CONFLICT (did, kind, subject) DO UPDATE SET sequence = excluded.sequence, record = excluded.record,
  updated_at = excluded.updated_at
WHERE signed_records.sequence < excluded.sequence`

const HAS: Record<'device' | 'other', string> = {
  device: 'SELECT 1 FROM devices WHERE did = $1 AND device_did = $2',
  other: 'SELECT 1 FROM signed_records WHERE did = $1 AND subject = $2 AND kind = $3',
}

/** Everything there is, a page at a time, in an order of its own. */
const PAGES: readonly (readonly [kind: RecordKind | undefined, sql: string])[] = [
  ['user', `SELECT did AS a, '' AS b, '' AS c, record FROM users WHERE did > $1 AND $2 = $2 AND $3 = $3`],
  [
    'device',
    `SELECT did AS a, device_did AS b, '' AS c, document AS record FROM devices
     WHERE (did, device_did) > ($1, $2) AND $3 = $3`,
  ],
  [
    undefined,
    `SELECT did AS a, kind AS b, subject AS c, record FROM signed_records WHERE (did, kind, subject) > ($1, $2, $3)`,
  ],
  [
    'connection',
    `SELECT from_did AS a, to_did AS b, '' AS c, record FROM peer_connections
     WHERE (from_did, to_did) > ($1, $2) AND $3 = $3`,
  ],
]
const PAGE = 500

const QUOTAS: Record<
  Exclude<RecordKind, 'user' | 'connection'>,
  { readonly most: number; readonly of: string }
> = {
  device: { most: LIMITS.registryDevices, of: 'devices' },
  entry: { most: LIMITS.registryEntries, of: 'entries of a DID log' },
  sealed: { most: LIMITS.registrySealed, of: 'sealed records' },
  stats: { most: 1, of: 'records of counts' },
  palette: { most: 1, of: 'palettes' },
  tombstone: { most: 1, of: 'ends of an account' },
  successor: { most: LIMITS.registrySuccessors, of: 'successors' },
}

export interface PostgresRegistryOptions {
  readonly database: MasterDatabase
  /** Signs the heads of the log. */
  readonly instanceKey: KeyObject
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly count?: (name: string) => void
}

/** The registry in the master's PostgreSQL, with the log of all that it accepted. */
export class PostgresRegistry implements Registry {
  readonly #options: PostgresRegistryOptions
  #vacuum: NodeJS.Timeout | undefined

  constructor(options: PostgresRegistryOptions) {
    this.#options = options
  }

  /**
   * @throws also VivimError `Exhausted` when the person has as many such records as a master keeps, `Forbidden` when the
   * device that signed it was taken out, or the account has ended
   */
  async put(kind: RecordKind, bytes: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    const record = checkedRecord({ kind, bytes })
    if (kind === 'palette' && record.did !== encodeDid(publicKeyBytes(this.#options.instanceKey)))
      throw new VivimError('Forbidden', 'A palette is signed by the instance itself.', { field: 'record' })
    const work = this.#options.database.transaction(async (query): Promise<PutOutcome> => {
      await insistOnAccount(query, record)
      const signer = signerOf(record)
      if (signer && isTakenOut(signer, await entriesOf(query, record.did)))
        throw new VivimError('Forbidden', 'A device signed it that was taken out.', { field: 'record' })
      if (!(await this.#upsert(query, record))) return 'stale'
      if (kind === 'tombstone') await withdraw(query, record.did)
      // The last that is locked, and the same for everybody: who holds it waits for nobody.
      const state = await readState(query, true)
      if (state.generation === 0) await this.#rebuild(query, 1)
      else await append(query, state, [leafOf(record)])
      return 'stored'
    })
    if (kind === 'tombstone') work.then(() => this.#vacuumSoon()).catch(() => {})
    return until(work, signal)
  }

  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    if (!isDid(did)) return undefined
    const [users, devices, others] = await Promise.all([
      this.#query('SELECT record FROM users WHERE did = $1', [did], signal),
      this.#query('SELECT document FROM devices WHERE did = $1 ORDER BY device_did', [did], signal),
      this.#query(
        'SELECT kind, record FROM signed_records WHERE did = $1 ORDER BY kind, sequence, subject',
        [did],
        signal,
      ),
    ])
    const user = users.rows[0]?.record
    if (user === undefined && devices.rows.length === 0 && others.rows.length === 0) return undefined
    return {
      did,
      devices: devices.rows.map(({ document }) => bytesOf(document)),
      records: others.rows.map(({ kind, record }) => ({ kind: kind as RecordKind, bytes: bytesOf(record) })),
      ...(user === undefined ? {} : { user: bytesOf(user) }),
    }
  }

  async connections(question: Uint8Array, signal?: AbortSignal): Promise<SignedRecord[]> {
    const { instanceKey, now, database } = this.#options
    const instance = encodeDid(publicKeyBytes(instanceKey))
    const query: Query = (sql, values) => database.query(sql, values)
    const rows = await until(connectionsFor(query, question, { instance, now: now() }), signal)
    return rows.map((row) => ({ kind: 'connection', bytes: bytesOf(row) }))
  }

  async witness(since: Since | null, leaves: readonly Uint8Array[], signal?: AbortSignal): Promise<Witness> {
    const { database, instanceKey, now } = this.#options
    const work = database.transaction(async (query) => {
      // The operator may begin the log anew meanwhile: what is read is of one moment.
      await query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ', [])
      let state = await readState(query)
      if (state.generation === 0) state = await this.#begun(query)
      const { generation, size } = state
      const first = since?.generation === generation ? since.size : undefined
      const { root, consistency, inclusions } = await prove(query, size, first, leaves)
      return { head: signHead(instanceKey, { generation, size, root, time: now() }), consistency, inclusions }
    })
    return until(work, signal)
  }

  /** Begins the log anew with everything that is there. @throws as `find` */
  async newGeneration(generation: number): Promise<LogState> {
    return this.#options.database.transaction(async (query) => {
      const state = await readState(query, true)
      return this.#rebuild(query, Math.max(generation, state.generation + 1))
    })
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.#query('SELECT 1', [], signal)
  }

  /** What all nodes say of captures, added up. @throws as `find` */
  async providerStats(signal?: AbortSignal): Promise<Result<'master.providerStats'>['items']> {
    return sumOfStats((sql, values) => this.#query(sql, values, signal))
  }

  /** How many people and devices are registered. @throws as `find` */
  async count(signal?: AbortSignal): Promise<{ users: number; devices: number }> {
    const sql = 'SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM devices) AS devices'
    const { rows } = await this.#query(sql, [], signal)
    const { users, devices } = rows[0]!
    return { users: Number(users), devices: Number(devices) }
  }

  /** The log, held; one that was never begun gets what the tables hold. */
  async #begun(query: Query): Promise<LogState> {
    const state = await readState(query, true)
    return state.generation === 0 ? this.#rebuild(query, 1) : state
  }

  async #rebuild(query: Query, generation: number): Promise<LogState> {
    let state = await beginGeneration(query, generation)
    for (const [kind, sql] of PAGES) {
      let after: unknown[] = ['', '', '']
      for (;;) {
        const { rows } = await query(`${sql} ORDER BY 1, 2, 3 LIMIT ${PAGE}`, after)
        const last = rows.at(-1)
        if (!last) break
        const records = rows.map(
          ({ b, record }): SignedRecord => ({ kind: kind ?? (b as RecordKind), bytes: bytesOf(record) }),
        )
        state = await append(query, state, records.map(leafOf))
        after = [last.a, last.b, last.c]
      }
    }
    return state
  }

  /** False: there is one that is as new. @throws VivimError `Exhausted` */
  async #upsert(query: Query, { kind, did, subject, sequence, bytes }: CheckedRecord): Promise<boolean> {
    const now = this.#options.now()
    const record = Buffer.from(bytes)
    if (kind === 'user') {
      // PostgreSQL has no zero character in its texts; the record keeps it.
      const shown = readUserRecord(bytes)!.displayName?.replaceAll('\0', '') ?? null
      const lapsed = await this.#isLapsed(query, did)
      return (await query(PUT_USER, [did, sequence, shown, record, now, lapsed])).changed > 0
    }
    if (kind === 'connection') {
      const { stored, pushedOut } = await putConnection(query, { did, subject, sequence, record }, now)
      if (pushedOut > 0) this.#options.count?.('master.connections.pushed_out')
      return stored
    }
    const { most, of } = QUOTAS[kind]
    const { changed } =
      kind === 'device'
        ? await query(PUT_DEVICE, [
            did,
            subject,
            sequence,
            readMemberDocument(bytes)!.certificate.expiresAt,
            record,
            now,
            most,
          ])
        : await query(PUT_OTHER, [did, kind, subject, sequence, record, now, most])
    if (changed > 0 && kind === 'stats') await storeStats(query, readProviderStats(bytes)!)
    if (changed > 0) return true
    const present =
      kind === 'device'
        ? await query(HAS.device, [did, subject])
        : await query(HAS.other, [did, subject, kind])
    if (present.rows.length > 0) return false
    throw new VivimError('Exhausted', `A master keeps ${most} ${of} of one person.`)
  }

  /** A name that was deleted leaves the pages of its table too; for many at once. */
  #vacuumSoon(): void {
    this.#vacuum ??= setTimeout(() => {
      this.#vacuum = undefined
      this.#query('VACUUM users, peer_connections', [], undefined).catch(() => {})
    }, LIMITS.masterVacuumMs).unref()
  }

  /** The device that signed who the person is was taken out since: no sequence of its holds that place. */
  async #isLapsed(query: Query, did: string): Promise<boolean> {
    const { rows } = await query('SELECT record FROM users WHERE did = $1', [did])
    const signer = rows[0] && signerOf({ kind: 'user', bytes: bytesOf(rows[0].record) })
    return signer !== undefined && isTakenOut(signer, await entriesOf(query, did))
  }

  /** A statement that nobody waits for any more ends by its own deadline. */
  #query(sql: string, values: readonly unknown[], signal: AbortSignal | undefined): Promise<QueryResult> {
    return until(this.#options.database.query(sql, values), signal)
  }
}
