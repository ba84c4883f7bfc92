import { encodeCanonical } from '../../crdt/cbor.ts'
import { type Frontier, type LogPosition, logName } from '../../crdt/frontier.ts'
import { sha256 } from '../../crdt/hash.ts'
import type { ItemName } from '../../crdt/range-fingerprints.ts'
import type { ForkQuery } from '../../crdt/sync-forks.ts'
import type { KnownFloors } from '../../crdt/sync-snapshot-state.ts'
import {
  Annotation,
  Conversation,
  ConversationTag,
  Device,
  Message,
  MessageVersion,
  NotebookEntry,
} from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import { type AuditActions, auditActions } from './audit-actions.ts'
import { noteReturn } from './away.ts'
import { adoptBlobs, type BlobPiece, BlobTransfer } from './blob-transfer.ts'
import { type CarryActions, carryActions } from './carry-actions.ts'
import { messageOf, strayRows } from './conversation-rows.ts'
import { forgetTraces } from './conversation-traces.ts'
import { strayNotes } from './erase-notes.ts'
import type { RowName } from './erasure.ts'
import { lacksOperations, voidInSnapshot } from './let-go.ts'
import { type MailboxActions, mailboxActions } from './mailbox-actions.ts'
import type { OpenVault } from './open-vault.ts'
import type { Pace } from './pace.ts'
import { type PeopleActions, peopleActions } from './people-actions.ts'
import type { Received } from './received.ts'
import { type Installed, installSnapshot } from './snapshot-install.ts'
import { Snapshots } from './snapshots.ts'
import type { StateAudit } from './state-audit.ts'
import { type SuccessionActions, successionActions } from './succession-actions.ts'
import type { SyncCursors } from './sync-cursors.ts'
import type { VaultTransaction } from './vault.ts'

export interface ReplicaMembers {
  /** First 8 bytes of SHA-256 over the sorted documents. */
  readonly digest: Uint8Array
  /** What the root key signed of the devices, then what each device says of itself. */
  readonly documents: readonly Uint8Array[]
  /** DIDs of certified devices that the log excludes. */
  readonly excluded: readonly string[]
  /** The log has two versions: nobody new is let in. */
  readonly forked: boolean
}

/** What replication asks of a user's vault; each is one message to the user's worker. */
export interface ReplicaActions
  extends AuditActions,
    MailboxActions,
    PeopleActions,
    SuccessionActions,
    CarryActions {
  /** Writes a copy of the whole database to a new file, 0600. @throws VivimError `StorageFull` */
  copyTo(params: { readonly path: string }): null
  frontier(params: Record<never, never>): Frontier
  members(params: Record<never, never>): ReplicaMembers
  /** Keeps documents that verify and are new. */
  saveMembers(params: { readonly documents: readonly Uint8Array[] }): ReplicaMembers
  /** Segments from a position on; its sequence is the first one wanted. */
  read(params: { readonly log: LogPosition; readonly maxBytes: number }): {
    readonly segments: readonly Uint8Array[]
    readonly upTo: number
  }
  /** @throws VivimError `Corrupt`, `Forbidden`: nothing of the batch was taken */
  apply(params: { readonly segments: readonly Uint8Array[] }): {
    readonly frontier: Frontier
    readonly operations: number
    readonly missingBlobs: readonly Uint8Array[]
    /** Logs to ask the other device about: what it sent of them follows nothing here. */
    readonly parted: readonly ForkQuery[]
    /** Segments of logs beyond those that are taken of one device. */
    readonly passedOver: number
    /** Segments that prove a fork found just now. */
    readonly evidence: readonly Uint8Array[]
  }
  /** Of these heads of another device, the logs that it has another branch of. */
  compareHeads(params: { readonly heads: Frontier }): readonly ForkQuery[]
  /** Segments that follow where a log parts from another device's. */
  compareLog(params: { readonly query: ForkQuery }): readonly Uint8Array[]
  missingBlobs(params: Record<never, never>): readonly Uint8Array[]
  readBlob(params: {
    readonly hash: Uint8Array
    readonly offset: number
    readonly maxBytes: number
  }): BlobPiece
  /** `complete`: the blob is here now; `waiting` conversations named it. */
  storeBlobPiece(params: BlobPiece): { readonly complete: boolean; readonly waiting: number }
  acknowledged(params: { readonly device: Uint8Array; readonly positions: readonly LogPosition[] }): null
  /** Where the past ends here. */
  floors(params: Record<never, never>): KnownFloors
  /** A snapshot of all there is, for a device that is below a floor: its signed header; empty: it needs one itself. */
  makeSnapshot(params: Record<never, never>): { readonly header: Uint8Array }
  readChunk(params: { readonly root: Uint8Array; readonly position: number }): { readonly bytes: Uint8Array }
  /** @throws VivimError `Corrupt`, `Forbidden` */
  beginSnapshot(params: { readonly header: Uint8Array }): {
    readonly root: Uint8Array
    readonly next: number
    readonly total: number
  }
  /** @throws VivimError `Corrupt` */
  storeChunk(params: { readonly root: Uint8Array; readonly position: number; readonly bytes: Uint8Array }): {
    readonly next: number
  }
  /** Begins again from a snapshot that is here whole. @throws VivimError `Corrupt`: nothing has changed */
  installSnapshot(params: { readonly root: Uint8Array }): Installed
  /** @param params `time` is what the device calls now, milliseconds UTC */
  seen(params: { readonly device: Uint8Array; readonly connected: boolean; readonly time?: number }): null
  inSync(params: { readonly device: Uint8Array }): null
}

export type ReplicaAction = keyof ReplicaActions

export interface ReplicaOptions {
  readonly vault: OpenVault
  readonly cursors: SyncCursors
  readonly audit: StateAudit
  readonly forgetDerived: (tx: VaultTransaction, conversationId: string) => void
  readonly wakeDerivation: () => void
  /** Something was erased elsewhere: its bytes are to leave the file. */
  readonly purgeSoon: () => void
}

/** A user's vault as other devices of theirs see it. */
export function createReplica(options: ReplicaOptions): ReplicaActions {
  const { vault, cursors } = options
  const blobs = new BlobTransfer(vault)
  const snapshots = new Snapshots(vault)
  const members = (): ReplicaMembers => {
    const { records, authority } = vault
    const devices = vault.members.list()
    // Copies: what crosses to another thread may be moved there.
    const documents = [...records.documents, ...devices.map(({ document }) => document)].map(
      (document) => new Uint8Array(document),
    )
    const excluded = devices.filter(({ device }) => authority.isTakenOut(device))
    return {
      digest: membersDigest(documents),
      documents,
      excluded: excluded.map(({ deviceDid }) => deviceDid),
      forked: records.log.forkedAt !== undefined,
    }
  }
  const remake = async (names: readonly ItemName[], pace: Pace) => {
    const found = await vault.remaker.find(names, pace)
    let remade = 0
    takeIn(options, (follow) => {
      const received = vault.remakeRows(found, follow)
      remade = received.remade
      return received
    })
    return remade
  }
  return {
    ...auditActions(vault, options.audit, remake),
    ...mailboxActions(vault, cursors, () => settleClock(options)),
    ...peopleActions(vault),
    ...successionActions(vault),
    ...carryActions(vault, options.wakeDerivation),
    copyTo: ({ path }) => {
      vault.database.copyTo(path)
      return null
    },
    frontier: () => vault.logs.frontier(vault.space),
    members,
    saveMembers: ({ documents }) => {
      takeIn(options, (follow) => vault.saveMembers(documents, follow))
      return members()
    },
    read: ({ log, maxBytes }) => vault.readSegments(log, maxBytes),
    apply: ({ segments }) => {
      const { operations, apart, evidence, passedOver } = takeIn(options, (follow) =>
        vault.receive(segments, follow),
      )
      return {
        frontier: vault.logs.frontier(vault.space),
        operations,
        missingBlobs: blobs.missing(LIMITS.syncBlobsAsked),
        parted: queriesOf(vault, apart),
        evidence,
        passedOver,
      }
    },
    compareHeads: ({ heads }) => {
      const queries = heads.flatMap((head) => vault.forks.suspect(head) ?? [])
      return distinct(queries)
    },
    compareLog: ({ query }) => vault.forks.answer(query),
    missingBlobs: () => blobs.missing(LIMITS.syncBlobsAsked),
    readBlob: ({ hash, offset, maxBytes }) => blobs.read(hash, offset, maxBytes),
    storeBlobPiece: (piece) => {
      const { complete, waiting } = blobs.store(piece)
      if (waiting.length > 0) {
        vault.transact((tx) => queueDerivation(tx, waiting, vault.now()))
        options.wakeDerivation()
      }
      return { complete, waiting: waiting.length }
    },
    floors: () => knownFloors(vault),
    // Who needs one gives none.
    makeSnapshot: () => ({ header: lacksOperations(vault) ? new Uint8Array(0) : snapshots.make() }),
    readChunk: ({ root, position }) => ({ bytes: snapshots.readChunk(root, position) }),
    beginSnapshot: ({ header }) => snapshots.begin(header),
    storeChunk: ({ root, position, bytes }) => snapshots.storeChunk(root, position, bytes),
    installSnapshot: ({ root }) => {
      const installed = installSnapshot(vault, snapshots, root, (tx, gone) => {
        for (const id of gone) options.forgetDerived(tx, id)
        forgetTraces(tx, gone)
      })
      options.wakeDerivation()
      options.purgeSoon()
      return installed
    },
    acknowledged: ({ device, positions }) => {
      vault.transactDerived(() => cursors.acknowledged(device, positions, vault.now()))
      return null
    },
    seen: ({ device, connected, time }) => {
      vault.transactDerived(() => cursors.seen(device, connected, vault.now()))
      if (time !== undefined || !connected) vault.clockWatch.hear(device, connected ? time : undefined)
      settleClock(options)
      return null
    },
    inSync: ({ device }) => {
      vault.transactDerived((tx) => {
        noteReturn(tx, vault.now())
        cursors.inSync(device, vault.now())
      })
      return null
    },
  }
}

function knownFloors(vault: OpenVault): KnownFloors {
  const { floors, closed } = vault.floorPositions.list()
  if (!lacksOperations(vault)) return { floors, closed, lacks: undefined }
  const logs = new Map(vault.logs.list(vault.space).map((log) => [log.ref, log]))
  const lacks = voidInSnapshot(vault).map(({ ref, upTo: sequence }) => ({ ...logs.get(ref)!, sequence }))
  // Who needs a snapshot keeps nobody from telling what it has.
  return { floors: [], closed, lacks }
}

/** First 8 bytes of SHA-256 over the CBOR array of the documents in byte order. */
function membersDigest(documents: readonly Uint8Array[]): Uint8Array {
  return sha256(encodeCanonical([...documents].sort(Buffer.compare))).slice(0, 8)
}

function queriesOf(vault: OpenVault, apart: Received['apart']): ForkQuery[] {
  return distinct(apart).map(({ device, incarnation }) => vault.forks.query(device, incarnation))
}

function distinct<T extends Pick<LogPosition, 'device' | 'incarnation'>>(logs: readonly T[]): T[] {
  return [...new Map(logs.map((log) => [logName(log), log])).values()]
}

/** Says again, at the right time, what was stamped ahead of it, once the clock is right. */
export function settleClock(options: ReplicaOptions): void {
  takeIn(options, (follow) => options.vault.settleClock(follow))
}

function distinctRows(rows: readonly RowName[]): RowName[] {
  return [...new Map(rows.map((row) => [`${row.entity.number}:${row.key}`, row])).values()]
}

/** Merges held operations that are due; at the start of a program also those it may know by now. */
export function releaseHeld(options: ReplicaOptions, atStart = false): void {
  const { vault } = options
  if (vault.held.count() > 0) takeIn(options, (follow) => vault.releaseHeld(follow, atStart))
}

function takeIn<T extends Received | undefined>(
  { vault, forgetDerived, wakeDerivation, purgeSoon }: ReplicaOptions,
  take: (follow: (tx: VaultTransaction, received: Received, erased: readonly RowName[]) => void) => T,
): T {
  let purges = false
  const received = take((tx, { merged, refolded }, erased) => {
    const keys = keysOf([...merged, ...refolded.operations])
    const conversations = [...conversationsOf(tx, vault.space, keys), ...refolded.conversations]
    queueDerivation(tx, conversations, vault.now())
    adoptBlobs(tx, vault.space, keys.messages, keys.versions)
    const gone = erased.flatMap(({ entity, key }) => (entity.number === Conversation.number ? [key] : []))
    const stray = strayRows(tx, vault.space, { ...keys, erased: gone })
    const own = vault.logs.deviceOf(vault.ownLog).device
    // Of a device that was taken out an ERASE counts nowhere: the others say it.
    const strays = vault.authority.isTakenOut(own)
      ? []
      : distinctRows([...stray.rows, ...strayNotes(tx, vault.space, keys, erased)])
    if (strays.length > 0) vault.erase(tx, strays)
    purges = erased.length > 0 || strays.length > 0
    const left = [...new Set([...gone, ...stray.conversations])]
    for (const id of left) forgetDerived(tx, id)
    if (left.length > 0 || purges) forgetTraces(tx, left)
  })
  if (!received) return received
  if (received.merged.some(({ entity }) => entity.number === Device.number)) applyConfirmed(vault)
  if (received.merged.length > 0 || received.refolded.operations.length > 0) wakeDerivation()
  if (received.erased.length > 0 || purges) purgeSoon()
  return received
}

/** What another device confirmed becomes due: it is erased when held operations are looked at next. */
function applyConfirmed(vault: OpenVault): void {
  vault.transactDerived(() => {
    for (const { device, deviceDid } of vault.members.list())
      vault.erasures.makeDue(device, vault.erasures.confirmedUntil(deviceDid, device))
  })
}

interface MergedKeys {
  readonly conversations: readonly string[]
  readonly messages: readonly string[]
  readonly versions: readonly string[]
  readonly tags: readonly string[]
  readonly entries: readonly string[]
  readonly annotations: readonly string[]
}

function keysOf(merged: Received['merged']): MergedKeys {
  const keys = (number: number) => [
    ...new Set(
      merged.flatMap(({ entity, operation }) => (entity.number === number ? [String(operation.key)] : [])),
    ),
  ]
  return {
    conversations: keys(Conversation.number),
    messages: keys(Message.number),
    versions: keys(MessageVersion.number),
    tags: keys(ConversationTag.number),
    entries: keys(NotebookEntry.number),
    annotations: keys(Annotation.number),
  }
}

/** The conversations whose units these changes touch. */
function conversationsOf(
  tx: VaultTransaction,
  space: number,
  { conversations, messages, versions }: MergedKeys,
): string[] {
  return tx
    .all<{ id: string }>(
      `SELECT value AS id FROM json_each(?2)
       UNION SELECT conversation_id FROM messages
         WHERE space = ?1 AND id IN (SELECT value FROM json_each(?3))
         AND conversation_id IS NOT NULL`,
      [space, JSON.stringify(conversations), JSON.stringify([...messages, ...versions.map(messageOf)])],
    )
    .map(({ id }) => id)
}

function queueDerivation(tx: VaultTransaction, conversationIds: readonly string[], now: number): void {
  if (conversationIds.length === 0) return
  tx.run(
    `INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at)
     SELECT value, ?2 FROM json_each(?1)`,
    [JSON.stringify(conversationIds), now],
  )
}
