/** What a master knows of a DID. Everything is signed; a reader checks it before it believes. */
export interface RegistryEntry {
  readonly did: string
  /** A `UserRecord` as its device signed it; absent when nobody registered one. */
  readonly user?: Uint8Array
  /** Member documents, one per device. */
  readonly devices: readonly Uint8Array[]
}

/** What became of a record. `stale`: one with this or a higher sequence is there already. */
export type PutOutcome = 'stored' | 'stale'

/**
 * Who is who. The master checks, stores and serves signed records and cannot make any. One implementation keeps them
 * in PostgreSQL, the other asks a bootstrap node; one compliance suite covers both.
 */
export interface Registry {
  /** @throws VivimError `InvalidParams` for a record that does not verify, `Unavailable` when the master is away */
  putUser(record: Uint8Array, signal?: AbortSignal): Promise<PutOutcome>
  /** A member document. @throws as `putUser` */
  putDevice(document: Uint8Array, signal?: AbortSignal): Promise<PutOutcome>
  /** @throws VivimError `Unavailable` */
  find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined>
  /** Resolves when it answers. @throws VivimError `Unavailable` */
  ping(signal?: AbortSignal): Promise<void>
}
