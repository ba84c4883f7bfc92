import { encodeCanonical } from '../../crdt/cbor.ts'
import { sha256 } from '../../crdt/hash.ts'
import type { Sql } from './sql.ts'

/** A device of the space, as the document it signed shows it. */
export interface Member {
  /** Ed25519 public key. */
  readonly device: Uint8Array
  readonly deviceDid: string
  readonly capabilities: readonly string[]
  /** Of two documents of one device the higher sequence counts. */
  readonly sequence: number
}

/** Undefined unless the bytes are the document of a device that this person's root key certified. */
export type ReadMember = (document: Uint8Array) => Member | undefined

export interface StoredMember extends Member {
  readonly document: Uint8Array
  /** Milliseconds UTC. */
  readonly knownSince: number
}

/** The devices that may write in this space: whoever is certified. Only grows. */
export class Members {
  readonly #sql: Sql
  readonly #read: ReadMember
  #stored: StoredMember[] | undefined

  constructor(sql: Sql, read: ReadMember) {
    this.#sql = sql
    this.#read = read
  }

  list(): readonly StoredMember[] {
    this.#stored ??= this.#sql
      .all<{ document: Uint8Array; known_since: number }>(
        'SELECT document, known_since FROM members ORDER BY device',
      )
      .flatMap(({ document, known_since }) => {
        const member = this.#read(document)
        return member ? [{ ...member, document, knownSince: known_since }] : []
      })
    return this.#stored
  }

  has(device: Uint8Array): boolean {
    return this.list().some((member) => Buffer.compare(member.device, device) === 0)
  }

  /** Keeps what is new and verifies; answers whether anything was. */
  save(documents: readonly Uint8Array[], now: number): boolean {
    let changed = false
    for (const document of documents) {
      const member = this.#read(document)
      if (!member) continue
      changed =
        this.#sql.run(
          `INSERT INTO members (device, document, sequence, known_since) VALUES (?, ?, ?, ?)
           ON CONFLICT (device) DO UPDATE SET document = excluded.document, sequence = excluded.sequence
           WHERE excluded.sequence > sequence
             OR (excluded.sequence = sequence AND excluded.document > document)`,
          [member.device, document, member.sequence, now],
        ) > 0 || changed
    }
    if (changed) this.#stored = undefined
    return changed
  }

  /** First 8 bytes of SHA-256 over the CBOR array of the documents in byte order. */
  digest(): Uint8Array {
    const documents = this.list()
      .map(({ document }) => Buffer.from(document))
      .sort(Buffer.compare)
    return sha256(encodeCanonical(documents)).slice(0, 8)
  }
}
