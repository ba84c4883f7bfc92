import { sha256 } from '../../crdt/hash.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Sealing } from './sealing.ts'
import type { Sql } from './sql.ts'

const CHUNK_BYTES = 256 * 1024
const PURPOSE = 'blob'

/** Bytes too large for an operation: content-addressed, in sealed chunks. */
export class Blobs {
  readonly #sql: Sql
  readonly #sealing: Sealing

  constructor(sql: Sql, sealing: Sealing) {
    this.#sql = sql
    this.#sealing = sealing
  }

  put(bytes: Uint8Array, conversationId: string): string {
    const hash = Buffer.from(sha256(bytes)).toString('hex')
    for (let chunk = 0; chunk * CHUNK_BYTES < bytes.length || chunk === 0; chunk++)
      this.#sql.run(
        'INSERT OR IGNORE INTO blobs (hash, conversation_id, chunk, sealed) VALUES (?, ?, ?, ?)',
        [
          hash,
          conversationId,
          chunk,
          this.#sealing.seal(PURPOSE, bytes.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES)),
        ],
      )
    return hash
  }

  /** Undefined when it is not here; throws `Corrupt` when what is here is not what the hash says. */
  get(hash: string): Uint8Array | undefined {
    const chunks = this.#sql.all<{ sealed: Uint8Array }>(
      `SELECT sealed FROM blobs WHERE hash = ?1
       AND conversation_id = (SELECT min(conversation_id) FROM blobs WHERE hash = ?1) ORDER BY chunk`,
      [hash],
    )
    if (chunks.length === 0) return undefined
    const bytes = Buffer.concat(chunks.map(({ sealed }) => this.#sealing.unseal(PURPOSE, sealed)))
    if (Buffer.from(sha256(bytes)).toString('hex') !== hash)
      throw new VivimError('Corrupt', 'A stored attachment or long message failed its check.')
    return bytes
  }
}
