import { createHash } from 'node:crypto'
import type { OpenVault } from './open-vault.ts'
import type { VaultTransaction } from './vault.ts'

const PURPOSE = 'blob piece'
const NOTHING = { complete: false, waiting: [] }
/** Whose blob it is while the message that names its version is not here. */
const NO_CONVERSATION = ''

/** A piece of a blob on its way; `total` 0 stands for a blob that is not there. */
export interface BlobPiece {
  readonly hash: Uint8Array
  readonly offset: number
  readonly total: number
  readonly bytes: Uint8Array
}

/** Long messages travel beside the log: rows name them by hash, and who lacks one asks for it. */
export class BlobTransfer {
  readonly #vault: OpenVault
  /** The last hash asked for, while there are more than were asked for at once: what is nowhere must not hide the rest. */
  #askedUpTo = ''
  #cached: { readonly hash: string; readonly bytes: Uint8Array } | undefined

  constructor(vault: OpenVault) {
    this.#vault = vault
  }

  /** Hashes that rows name and this device does not hold. */
  missing(limit: number): Uint8Array[] {
    const found = this.#vault.all<{ hash: string }>(
      // Left alone, SQLite looks at every version there is: a tenth of taking in operations (measured).
      `SELECT DISTINCT v.parts_blob AS hash FROM message_versions v INDEXED BY message_versions_by_blob
       WHERE v.space = ? AND v.parts_blob > ? AND v.deleted = 0
       AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.hash = v.parts_blob) ORDER BY v.parts_blob LIMIT ?`,
      [this.#vault.space, this.#askedUpTo, limit],
    )
    const last = found.at(-1)?.hash
    const wasAll = this.#askedUpTo === ''
    this.#askedUpTo = found.length === limit && last !== undefined ? last : ''
    if (found.length === 0 && !wasAll) return this.missing(limit)
    return found.map(({ hash }) => new Uint8Array(Buffer.from(hash, 'hex')))
  }

  read(hash: Uint8Array, offset: number, maxBytes: number): BlobPiece {
    const name = Buffer.from(hash).toString('hex')
    if (this.#cached?.hash !== name) {
      const bytes = this.#vault.getBlob(name)
      this.#cached = bytes && { hash: name, bytes }
    }
    const bytes = this.#cached?.bytes ?? new Uint8Array(0)
    const piece = new Uint8Array(bytes.subarray(offset, offset + maxBytes))
    const total = bytes.length
    if (offset + piece.length >= total) this.#cached = undefined
    return { hash, offset, total, bytes: piece }
  }

  /**
   * Keeps a piece, from whichever device it comes; once they cover the blob it is made, if its hash is right. Answers
   * whether it is here now, and the conversations that were waiting for it.
   */
  store({ hash, offset, total, bytes }: BlobPiece): { complete: boolean; waiting: string[] } {
    const vault = this.#vault
    const name = Buffer.from(hash).toString('hex')
    if (total === 0) return NOTHING
    if (vault.getBlob(name)) return { complete: true, waiting: [] }
    vault.transactDerived((tx) => {
      tx.run('INSERT OR REPLACE INTO blob_pieces (hash, position, length, sealed) VALUES (?, ?, ?, ?)', [
        name,
        offset,
        bytes.length,
        vault.seal(PURPOSE, bytes),
      ])
    })
    return this.#covers(name, total) ? this.#assemble(name, total) : NOTHING
  }

  #covers(hash: string, total: number): boolean {
    let covered = 0
    for (const { position, length } of this.#vault.all<{ position: number; length: number }>(
      'SELECT position, length FROM blob_pieces WHERE hash = ? ORDER BY position',
      [hash],
    )) {
      if (position > covered) return false
      covered = Math.max(covered, position + length)
    }
    return covered >= total
  }

  #assemble(hash: string, total: number): { complete: boolean; waiting: string[] } {
    const vault = this.#vault
    const bytes = Buffer.alloc(total)
    for (const { position, sealed } of vault.all<{ position: number; sealed: Uint8Array }>(
      'SELECT position, sealed FROM blob_pieces WHERE hash = ? ORDER BY position',
      [hash],
    ))
      if (position < total) Buffer.from(vault.unseal(PURPOSE, sealed)).copy(bytes, position)
    const right = createHash('sha256').update(bytes).digest('hex') === hash
    return vault.transact((tx) => {
      tx.run('DELETE FROM blob_pieces WHERE hash = ?', [hash])
      if (!right) return NOTHING
      const waiting = tx
        .all<{ id: string }>(
          `SELECT DISTINCT m.conversation_id AS id FROM message_versions v
           JOIN messages m ON m.space = v.space AND m.id = v.message_id
           WHERE v.space = ? AND v.parts_blob = ? AND m.conversation_id IS NOT NULL`,
          [vault.space, hash],
        )
        .map(({ id }) => id)
      for (const id of waiting.length > 0 ? waiting : [NO_CONVERSATION]) tx.putBlob(bytes, id)
      return { complete: true, waiting }
    })
  }
}

/** Blobs that are here belong to every conversation whose messages name them: those of these messages and versions too. */
export function adoptBlobs(
  tx: VaultTransaction,
  space: number,
  messages: readonly string[],
  versions: readonly string[],
): void {
  if (!tx.get('SELECT 1 FROM message_versions WHERE parts_blob IS NOT NULL LIMIT 1')) return
  tx.run(
    `INSERT OR IGNORE INTO blobs (hash, conversation_id, chunk, sealed)
     SELECT b.hash, m.conversation_id, b.chunk, b.sealed
     FROM (SELECT value AS id FROM json_each(?2)
           UNION SELECT substr(value, 1, instr(value, ':') - 1) FROM json_each(?3)) named
     JOIN messages m ON m.space = ?1 AND m.id = named.id AND m.conversation_id IS NOT NULL
     JOIN message_versions v ON v.space = ?1 AND v.id > m.id || ':' AND v.id < m.id || ';'
     JOIN blobs b ON b.hash = v.parts_blob`,
    [space, JSON.stringify(messages), JSON.stringify(versions)],
  )
  tx.run(
    `DELETE FROM blobs WHERE conversation_id = ''
     AND EXISTS (SELECT 1 FROM blobs o WHERE o.hash = blobs.hash AND o.conversation_id <> '')`,
  )
}

/** After an erase: what no version names any more goes, and what was on its way for it. */
export function dropUnnamedBlobs(tx: VaultTransaction): void {
  const unnamed = 'hash NOT IN (SELECT parts_blob FROM message_versions WHERE parts_blob IS NOT NULL)'
  tx.run(`DELETE FROM blob_pieces WHERE ${unnamed}`)
  tx.run(`DELETE FROM blobs WHERE conversation_id = '' AND ${unnamed}`)
}
