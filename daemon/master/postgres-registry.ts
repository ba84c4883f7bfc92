import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { isDid } from '../identity/did.ts'
import type { MasterDatabase, QueryResult } from './database.ts'
import { checkedMemberDocument, checkedUserRecord } from './record-check.ts'
import type { PutOutcome, Registry, RegistryEntry } from './registry.ts'
import { until } from './until.ts'

const PUT_USER = `
INSERT INTO users (did, sequence, display_name, record, updated_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (did) DO UPDATE SET sequence = excluded.sequence, display_name = excluded.display_name,
  record = excluded.record, updated_at = excluded.updated_at
WHERE users.sequence < excluded.sequence`

/** Devices made at the same moment may pass the quota by as many as there are connections. */
const PUT_DEVICE = `
INSERT INTO devices (did, device_did, sequence, expires_at, document, updated_at)
SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT), CAST($5 AS BYTEA), CAST($6 AS BIGINT)
WHERE EXISTS (SELECT 1 FROM devices WHERE did = $1 AND device_did = $2)
  OR (SELECT count(*) FROM devices WHERE did = $1) < $7
ON CONFLICT (did, device_did) DO UPDATE SET sequence = excluded.sequence, expires_at = excluded.expires_at,
  document = excluded.document, updated_at = excluded.updated_at
WHERE devices.sequence < excluded.sequence`

/** The registry in the master's PostgreSQL. */
export class PostgresRegistry implements Registry {
  readonly #database: MasterDatabase
  readonly #now: () => number

  constructor(database: MasterDatabase, now: () => number) {
    this.#database = database
    this.#now = now
  }

  async putUser(record: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    const { did, displayName, sequence } = checkedUserRecord(record)
    // PostgreSQL has no zero character in its texts; the record keeps it.
    const shown = displayName?.replaceAll('\0', '') ?? null
    const values = [did, sequence, shown, Buffer.from(record), this.#now()]
    const { changed } = await this.#query(PUT_USER, values, signal)
    return changed > 0 ? 'stored' : 'stale'
  }

  /** @throws also VivimError `Exhausted` when the person has as many devices as a master keeps */
  async putDevice(document: Uint8Array, signal?: AbortSignal): Promise<PutOutcome> {
    const { did, deviceDid, sequence, certificate } = checkedMemberDocument(document)
    const values = [did, deviceDid, sequence, certificate.expiresAt, Buffer.from(document), this.#now()]
    const { changed } = await this.#query(PUT_DEVICE, [...values, LIMITS.registryDevices], signal)
    if (changed > 0) return 'stored'
    if (await this.#has(did, deviceDid, signal)) return 'stale'
    throw new VivimError('Exhausted', `A master keeps ${LIMITS.registryDevices} devices of one person.`)
  }

  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    if (!isDid(did)) return undefined
    const [users, devices] = await Promise.all([
      this.#query('SELECT record FROM users WHERE did = $1', [did], signal),
      this.#query('SELECT document FROM devices WHERE did = $1 ORDER BY device_did', [did], signal),
    ])
    const user = users.rows[0]?.record
    if (user === undefined && devices.rows.length === 0) return undefined
    return {
      did,
      devices: devices.rows.map(({ document }) => bytesOf(document)),
      ...(user === undefined ? {} : { user: bytesOf(user) }),
    }
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.#query('SELECT 1', [], signal)
  }

  /** How many people and devices are registered. @throws as `find` */
  async count(signal?: AbortSignal): Promise<{ users: number; devices: number }> {
    const sql = 'SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM devices) AS devices'
    const { rows } = await this.#query(sql, [], signal)
    const { users, devices } = rows[0]!
    return { users: Number(users), devices: Number(devices) }
  }

  async #has(did: string, deviceDid: string, signal: AbortSignal | undefined): Promise<boolean> {
    const sql = 'SELECT 1 FROM devices WHERE did = $1 AND device_did = $2'
    return (await this.#query(sql, [did, deviceDid], signal)).rows.length > 0
  }

  /** A statement that nobody waits for any more ends by its own deadline. */
  #query(sql: string, values: readonly unknown[], signal: AbortSignal | undefined): Promise<QueryResult> {
    return until(this.#database.query(sql, values), signal)
  }
}

/** A copy of its own: the library's buffers are pooled. */
function bytesOf(value: unknown): Uint8Array {
  return new Uint8Array(value as Buffer)
}
