import type { Sql } from './sql.ts'

/** A device of the space, as the document it signed shows it. */
export interface Member {
  /** Ed25519 public key. */
  readonly device: Uint8Array
  readonly deviceDid: string
  readonly capabilities: readonly string[]
  /** When the first of its certificates ends, milliseconds UTC; nothing in a vault is decided by it. */
  readonly certifiedUntil: number
  /** Keys of the devices between the root key and this one that certified each other. */
  readonly issuers: readonly Uint8Array[]
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

/** The devices that are certified; those the DID log excludes are among them. Only grows. */
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
    return this.#find(device) !== undefined
  }

  /** Undefined for a device that is not certified, as far as is known. */
  issuersOf(device: Uint8Array): readonly Uint8Array[] | undefined {
    return this.#find(device)?.issuers
  }

  /** After a rollback. */
  reload(): void {
    this.#stored = undefined
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

  #find(device: Uint8Array): StoredMember | undefined {
    return this.list().find((member) => Buffer.compare(member.device, device) === 0)
  }
}
