import { createHash } from 'node:crypto'
import type { OpenVault } from './open-vault.ts'

const PURPOSE = 'blob piece'

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
  #cached: { readonly hash: string; readonly bytes: Uint8Array } | undefined

  constructor(vault: OpenVault) {
    this.#vault = vault
  }

  /** Hashes that rows name and this device does not hold. */
  missing(limit: number): Uint8Array[] {
    return this.#vault
      .all<{ hash: string }>(
        `SELECT DISTINCT v.parts_blob AS hash FROM message_versions v
         WHERE v.space = ? AND v.parts_blob IS NOT NULL AND v.deleted = 0
         AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.hash = v.parts_blob) LIMIT ?`,
        [this.#vault.space, limit],
      )
      .map(({ hash }) => new Uint8Array(Buffer.from(hash, 'hex')))
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

  /** Keeps a piece; the last one makes the blob, if its hash is right. Answers the conversations that were waiting. */
  store({ hash, offset, total, bytes }: BlobPiece): string[] {
    const vault = this.#vault
    const name = Buffer.from(hash).toString('hex')
    if (total === 0 || vault.getBlob(name)) return []
    vault.transactDerived((tx) => {
      if (offset === 0) tx.run('DELETE FROM blob_pieces WHERE hash = ?', [name])
      tx.run('INSERT OR REPLACE INTO blob_pieces (hash, position, length, sealed) VALUES (?, ?, ?, ?)', [
        name,
        offset,
        bytes.length,
        vault.seal(PURPOSE, bytes),
      ])
    })
    return offset + bytes.length === total ? this.#assemble(name, total) : []
  }

  #assemble(hash: string, total: number): string[] {
    const vault = this.#vault
    const pieces = vault
      .all<{ sealed: Uint8Array }>('SELECT sealed FROM blob_pieces WHERE hash = ? ORDER BY position', [hash])
      .map(({ sealed }) => vault.unseal(PURPOSE, sealed))
    const bytes = Buffer.concat(pieces)
    const whole = bytes.length === total && createHash('sha256').update(bytes).digest('hex') === hash
    return vault.transact((tx) => {
      tx.run('DELETE FROM blob_pieces WHERE hash = ?', [hash])
      if (!whole) return []
      const waiting = tx
        .all<{ id: string }>(
          `SELECT DISTINCT m.conversation_id AS id FROM message_versions v
           JOIN messages m ON m.space = v.space AND m.id = v.message_id
           WHERE v.space = ? AND v.parts_blob = ? AND m.conversation_id IS NOT NULL`,
          [vault.space, hash],
        )
        .map(({ id }) => id)
      for (const id of waiting) tx.putBlob(bytes, id)
      return waiting
    })
  }
}
