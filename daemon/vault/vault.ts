import type { TextEdit } from '../../crdt/text.ts'
import type { ReplicatedEntityName, RowValues } from '../../schema/entities/index.ts'
import type { Sql } from './sql.ts'

/** One change of one replicated row. `values` name columns of the entity; absent columns stay as they are. */
export interface FactChange {
  readonly kind: 'INSERT' | 'UPDATE' | 'DELETE' | 'UNDELETE'
  readonly entity: ReplicatedEntityName
  readonly key: string
  readonly values?: RowValues
}

/** What adds up with what other devices write at the same time. */
export type AddingChange = {
  readonly entity: ReplicatedEntityName
  readonly key: string
} & (
  | {
      readonly kind: 'COUNTER'
      /** Column → how much is added to the counter. */
      readonly amounts: Readonly<Record<string, number>>
    }
  | {
      readonly kind: 'TEXT'
      /** Column → edits, each of the text that the one before it left. */
      readonly edits: Readonly<Record<string, readonly TextEdit[]>>
    }
)

/**
 * An open transaction. Facts go through `write`, which makes operations of them, chains, signs and merges them;
 * derived, cache and local tables are written with plain statements. All of it commits together or not at all.
 */
export interface VaultTransaction extends Sql {
  write(changes: readonly (FactChange | AddingChange)[]): void
  /** True when this key was erased for good: writing it would change nothing. */
  isErased(entity: ReplicatedEntityName, key: string): boolean
  /** Keeps bytes too large for an operation, sealed; answers their SHA-256 (hex). */
  putBlob(bytes: Uint8Array, conversationId: string): string
}

/** One person's database, open. Reads see committed data. Not safe for use by two threads. */
export interface Vault extends Sql {
  readonly did: string
  /** Runs `work` in one durable transaction: when it returns, the data survives power loss. Never nested, never async. */
  transact<T>(work: (tx: VaultTransaction) => T): T
  /**
   * The same for what can be made again, such as derived rows: whole or not at all, but a power loss may take the last
   * ones back. Writing facts here throws.
   */
  transactDerived<T>(work: (tx: VaultTransaction) => T): T
  /** The private space's row number, the `space` of every fact row so far. */
  readonly space: number
  /** AES-256-GCM under the vault key. Deterministic: equal (purpose, bytes) give equal output. */
  seal(purpose: string, bytes: Uint8Array): Uint8Array
  /** Throws VivimError `Corrupt` when the bytes were not sealed here for that purpose. */
  unseal(purpose: string, sealed: Uint8Array): Uint8Array
  /** A short keyed tag (10 base32 characters) that names a secret without confirming a guess to others. */
  secretTag(text: string): string
  getBlob(hash: string): Uint8Array | undefined
  /** Milliseconds UTC. */
  now(): number
}
