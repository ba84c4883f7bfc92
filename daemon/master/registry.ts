import type { RecordKind, SignedRecord } from './record-kinds.ts'

/** What a master knows of a DID. Everything is signed; a reader checks it before it believes. */
export interface RegistryEntry {
  readonly did: string
  /** A `UserRecord` as its device signed it; absent when nobody registered one. */
  readonly user?: Uint8Array
  /** Member documents, one per device. */
  readonly devices: readonly Uint8Array[]
  /** Everything else. */
  readonly records: readonly SignedRecord[]
}

/** What became of a record. `stale`: one with this or a higher sequence is there already. */
export type PutOutcome = 'stored' | 'stale'

/** A head of the log that a reader holds already. */
export interface Since {
  readonly generation: number
  readonly size: number
}

/** Where a record is in the log, and the nodes that prove it (RFC 6962, section 2.1.1). */
export interface Inclusion {
  readonly index: number
  readonly path: readonly Uint8Array[]
}

/** What shows a reader that the log is the one it knows, and that records are in it. The reader checks it. */
export interface Witness {
  /** The head now, signed by the instance. */
  readonly head: Uint8Array
  /** That the log the reader knows is its beginning; null for a log that is longer or of another generation. */
  readonly consistency: readonly Uint8Array[] | null
  /** In the order of the leaves asked for; null for one that is not in the log. */
  readonly inclusions: readonly (Inclusion | null)[]
}

/**
 * Who is who. The master checks, stores and serves signed records and cannot make any. One implementation keeps them
 * in PostgreSQL, the other asks a bootstrap node; one compliance suite covers both.
 */
export interface Registry {
  /**
   * What a device signed that the person's DID log takes out is refused, whatever its sequence; what it had signed before
   * gives way to any record of another device.
   * @throws VivimError `InvalidParams` for a record that does not verify, `Forbidden` for one of a device that was taken
   * out, `Unavailable` when the master is away
   */
  put(kind: RecordKind, record: Uint8Array, signal?: AbortSignal): Promise<PutOutcome>
  /** @throws VivimError `Unavailable` */
  find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined>
  /**
   * What people wrote to the one who asks, and what that one wrote: `connection` records, the oldest first. `question`: as
   * `issueConnectionQuestion` makes it.
   * @throws VivimError `Forbidden` for a question that no device of theirs asked this master, now; `Unavailable`
   */
  connections(question: Uint8Array, signal?: AbortSignal): Promise<SignedRecord[]>
  /** `leaves`: hashes of records, at most `LIMITS.witnessLeaves`. @throws VivimError `Unavailable` */
  witness(since: Since | null, leaves: readonly Uint8Array[], signal?: AbortSignal): Promise<Witness>
  /** Resolves when it answers. @throws VivimError `Unavailable` */
  ping(signal?: AbortSignal): Promise<void>
}
