import type { KeyObject } from 'node:crypto'
import type { LogPosition } from '../../crdt/frontier.ts'
import type { ClockState } from '../../crdt/hlc.ts'
import type { VerifyRoot } from '../../crdt/membership-entry.ts'
import type { Authority } from './authority.ts'
import type { ClockWatch } from './clock-watch.ts'
import type { Database } from './database.ts'
import type { RowName } from './erasure.ts'
import type { Erasures } from './erasures.ts'
import type { FloorPositions } from './floor-positions.ts'
import type { Forks } from './forks.ts'
import type { HeldOperations } from './held-operations.ts'
import type { Logs } from './logs.ts'
import type { Members, ReadMember } from './members.ts'
import type { MembershipRecords } from './membership-records.ts'
import type { PeerClock } from './peer-clock.ts'
import type { Received } from './received.ts'
import type { FoundOperations, RowRemaker } from './remake-rows.ts'
import type { RowStore } from './row-store.ts'
import type { Vault, VaultTransaction } from './vault.ts'
import type { VoidOperations } from './void-operations.ts'

export interface VaultOptions {
  /** The database file; its folder exists. */
  readonly path: string
  readonly did: string
  /** The device's private Ed25519 key. */
  readonly deviceKey: KeyObject
  /** 32 bytes: seals raw records, blobs and level-5 spans. */
  readonly vaultKey: Uint8Array
  /** 32 bytes: makes the markers of erased rows. */
  readonly spaceSecret: Uint8Array
  /** The one Ed25519 verification rule. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  readonly readMember: ReadMember
  readonly verifyRoot: VerifyRoot
  readonly now: () => number
  /** What other devices call now; without it no stamp is doubted. */
  readonly peers?: PeerClock | undefined
  readonly random: (bytes: number) => Uint8Array
}

/** What an open vault offers its own folder besides the interface the engine's parts use. */
export interface OpenVault extends Vault {
  readonly database: Database
  readonly logs: Logs
  readonly rows: RowStore
  /** The log this device writes. */
  readonly ownLog: number
  readonly members: Members
  /** The DID log and what belongs to it. */
  readonly records: MembershipRecords
  readonly authority: Authority
  readonly voids: VoidOperations
  readonly held: HeldOperations
  readonly clockWatch: ClockWatch
  readonly erasures: Erasures
  readonly forks: Forks
  /** Called when this device begins to keep back what it writes: its clock is doubted. */
  onClockDoubted: () => void
  /** Called after a commit that made or took in operations. */
  onCommit: () => void
  /** Counts the commits that may have changed facts since it was opened. */
  readonly changes: number
  /**
   * Takes in other devices' segments, all or nothing, durably; `follow` does in the same transaction what follows
   * from them. @throws VivimError `Corrupt` or `Forbidden` for segments that do not verify
   */
  receive(segments: readonly Uint8Array[], follow: Follow): Received
  /** Keeps documents that verify and are new; where that changes what counts, rows follow in the same transaction. */
  saveMembers(documents: readonly Uint8Array[], follow: Follow): Received | undefined
  /** Merges held operations that are due; after an upgrade also those that a newer program had sent. */
  releaseHeld(follow: Follow, fromNewerProgram?: boolean): Received
  /**
   * Once the clock is right: takes back what was stamped ahead of time and says it again. Undefined: there was nothing.
   */
  settleClock(follow: Follow): Received | undefined
  readonly remaker: RowRemaker
  /** Makes these rows again from their operations; `remade` of them are another by now. */
  remakeRows(found: FoundOperations, follow: Follow): Received & { readonly remade: number }
  /** This device's signed segments, and those it received, from a position on. */
  readSegments(log: LogPosition, maxBytes: number): { segments: Uint8Array[]; upTo: number }
  /** True while deleted bytes may still stand in the file. */
  readonly purgePending: boolean
  /** Erases rows for good, inside a transaction; call `purge` after it. */
  erase(tx: VaultTransaction, rows: readonly RowName[]): void
  readonly floorPositions: FloorPositions
  /** Key of the floor that was applied last; '' before the first. */
  readonly appliedFloor: string
  /** Hash of an operation that is here, or of the last one that a snapshot stands for. */
  hashAt(log: number, seq: number): Uint8Array | undefined
  mayWrite(device: Uint8Array): boolean
  signAsDevice(message: Uint8Array): Uint8Array
  verifyAsDevice(device: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean
  /** Takes all out of these rows that was written up to a moment, and the bodies that say it. */
  forget(rows: readonly RowName[], last: ClockState): void
  /**
   * In one transaction: `replace` changes tables and answers the last stamp among the rows; then this device goes on in
   * a new log, in which `reissue` writes.
   */
  beginAgain(replace: (tx: VaultTransaction) => ClockState, reissue: (tx: VaultTransaction) => void): void
  /** Says again, inside a transaction, that rows are erased, by table number and marker. */
  eraseAgain(tx: VaultTransaction, erased: readonly { entity: number; marker: Uint8Array }[]): void
  /** Makes these stored operations hollow, in a transaction of its own. */
  dropBodies(ids: readonly number[]): void
  /** Rewrites the file so that no byte of what was erased is left. */
  purge(): void
  /**
   * Tells this person's other devices that no byte of what was erased is left here, unless they were told: a crash may
   * come between the purge and this, and other devices may be paired after it.
   */
  acknowledgePurge(): void
  close(): void
}

/** What follows from operations that came from elsewhere; `erased` are the rows that went for good. */
export type Follow = (tx: VaultTransaction, received: Received, erased: readonly RowName[]) => void
