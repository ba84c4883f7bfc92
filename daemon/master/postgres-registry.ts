import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { MasterDatabase } from './database.ts'
import { checkedMemberDocument, checkedUserRecord } from './record-check.ts'
import type { PutOutcome, Registry, RegistryEntry } from './registry.ts'

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

  async putUser(record: Uint8Array): Promise<PutOutcome> {
    const { did, displayName, sequence } = checkedUserRecord(record)
    // PostgreSQL has no zero character in its texts; the record keeps it.
    const shown = displayName?.replaceAll('\0', '') ?? null
    const { changed } = await this.#database.query(PUT_USER, [
      did,
      sequence,
      shown,
      Buffer.from(record),
      this.#now(),
    ])
    return changed > 0 ? 'stored' : 'stale'
  }

  /** @throws also VivimError `Exhausted` when the person has as many devices as a master keeps */
  async putDevice(document: Uint8Array): Promise<PutOutcome> {
    const { did, deviceDid, sequence, certificate } = checkedMemberDocument(document)
    const { changed } = await this.#database.query(PUT_DEVICE, [
      did,
      deviceDid,
      sequence,
      certificate.expiresAt,
      Buffer.from(document),
      this.#now(),
      LIMITS.registryDevices,
    ])
    if (changed > 0) return 'stored'
    if (await this.#has(did, deviceDid)) return 'stale'
    throw new VivimError('Exhausted', `A master keeps ${LIMITS.registryDevices} devices of one person.`)
  }

  async find(did: string): Promise<RegistryEntry | undefined> {
    const [users, devices] = await Promise.all([
      this.#database.query('SELECT record FROM users WHERE did = $1', [did]),
      this.#database.query('SELECT document FROM devices WHERE did = $1 ORDER BY device_did', [did]),
    ])
    const user = users.rows[0]?.record
    if (user === undefined && devices.rows.length === 0) return undefined
    return {
      did,
      devices: devices.rows.map(({ document }) => bytesOf(document)),
      ...(user === undefined ? {} : { user: bytesOf(user) }),
    }
  }

  async ping(): Promise<void> {
    await this.#database.query('SELECT 1')
  }

  /** How many people and devices are registered. @throws as `find` */
  async count(): Promise<{ users: number; devices: number }> {
    const { rows } = await this.#database.query(
      'SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM devices) AS devices',
    )
    const { users, devices } = rows[0]!
    return { users: Number(users), devices: Number(devices) }
  }

  async #has(did: string, deviceDid: string): Promise<boolean> {
    const sql = 'SELECT 1 FROM devices WHERE did = $1 AND device_did = $2'
    return (await this.#database.query(sql, [did, deviceDid])).rows.length > 0
  }
}

/** A copy of its own: the library's buffers are pooled. */
function bytesOf(value: unknown): Uint8Array {
  return new Uint8Array(value as Buffer)
}
