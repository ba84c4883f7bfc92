import type { Frontier, LogPosition } from '../../crdt/frontier.ts'
import { Conversation, Message, MessageVersion } from '../../schema/entities/index.ts'
import { LIMITS } from '../../schema/limits.ts'
import { type BlobPiece, BlobTransfer } from './blob-transfer.ts'
import { forgetTraces } from './conversation-traces.ts'
import type { RowName } from './erasure.ts'
import type { OpenVault } from './open-vault.ts'
import type { Received } from './remote-operations.ts'
import type { SyncCursors } from './sync-cursors.ts'
import type { VaultTransaction } from './vault.ts'

export interface ReplicaMembers {
  /** First 8 bytes of SHA-256 over the sorted documents. */
  readonly digest: Uint8Array
  readonly documents: readonly Uint8Array[]
}

/** What replication asks of a user's vault; each is one message to the user's worker. */
export interface ReplicaActions {
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
  }
  missingBlobs(params: Record<never, never>): readonly Uint8Array[]
  readBlob(params: {
    readonly hash: Uint8Array
    readonly offset: number
    readonly maxBytes: number
  }): BlobPiece
  storeBlobPiece(params: BlobPiece): { readonly waiting: number }
  acknowledged(params: { readonly device: Uint8Array; readonly positions: readonly LogPosition[] }): null
  seen(params: { readonly device: Uint8Array; readonly connected: boolean }): null
  inSync(params: { readonly device: Uint8Array }): null
}

export type ReplicaAction = keyof ReplicaActions

export interface ReplicaOptions {
  readonly vault: OpenVault
  readonly cursors: SyncCursors
  readonly forgetDerived: (tx: VaultTransaction, conversationId: string) => void
  readonly wakeDerivation: () => void
  /** Something was erased elsewhere: its bytes are to leave the file. */
  readonly purgeSoon: () => void
}

/** A user's vault as other devices of theirs see it. */
export function createReplica(options: ReplicaOptions): ReplicaActions {
  const { vault, cursors } = options
  const blobs = new BlobTransfer(vault)
  const members = (): ReplicaMembers => ({
    digest: vault.members.digest(),
    // Copies: what crosses to another thread may be moved there.
    documents: vault.members.list().map(({ document }) => new Uint8Array(document)),
  })
  return {
    frontier: () => vault.logs.frontier(vault.space),
    members,
    saveMembers: ({ documents }) => {
      vault.transact(() => vault.members.save(documents, vault.now()))
      return members()
    },
    read: ({ log, maxBytes }) => vault.readSegments(log, maxBytes),
    apply: ({ segments }) => {
      const { operations } = takeIn(options, (follow) => vault.receive(segments, follow))
      return {
        frontier: vault.logs.frontier(vault.space),
        operations,
        missingBlobs: blobs.missing(LIMITS.syncBlobsAsked),
      }
    },
    missingBlobs: () => blobs.missing(LIMITS.syncBlobsAsked),
    readBlob: ({ hash, offset, maxBytes }) => blobs.read(hash, offset, maxBytes),
    storeBlobPiece: (piece) => {
      const waiting = blobs.store(piece)
      if (waiting.length > 0) {
        vault.transact((tx) => queueDerivation(tx, waiting, vault.now()))
        options.wakeDerivation()
      }
      return { waiting: waiting.length }
    },
    acknowledged: ({ device, positions }) => {
      vault.transactDerived(() => cursors.acknowledged(device, positions, vault.now()))
      return null
    },
    seen: ({ device, connected }) => {
      vault.transactDerived(() => cursors.seen(device, connected, vault.now()))
      return null
    },
    inSync: ({ device }) => {
      vault.transactDerived(() => cursors.inSync(device, vault.now()))
      return null
    },
  }
}

/** Merges held operations that are due; at the start of a program also those it may know by now. */
export function releaseHeld(options: ReplicaOptions, atStart = false): void {
  const { vault } = options
  if (vault.held.count() > 0) takeIn(options, (follow) => vault.releaseHeld(follow, atStart))
}

function takeIn(
  { vault, forgetDerived, wakeDerivation, purgeSoon }: ReplicaOptions,
  take: (follow: (tx: VaultTransaction, received: Received, erased: readonly RowName[]) => void) => Received,
): Received {
  const received = take((tx, { merged }, erased) => {
    queueDerivation(tx, conversationsOf(tx, vault.space, merged), vault.now())
    const gone = erased.flatMap(({ entity, key }) => (entity.number === Conversation.number ? [key] : []))
    for (const id of gone) forgetDerived(tx, id)
    if (gone.length > 0) forgetTraces(tx, gone)
  })
  if (received.merged.length > 0) wakeDerivation()
  if (received.erased.length > 0) purgeSoon()
  return received
}

/** The conversations whose units these changes touch. */
function conversationsOf(tx: VaultTransaction, space: number, merged: Received['merged']): string[] {
  const keys = (number: number) =>
    JSON.stringify([
      ...new Set(
        merged.flatMap(({ entity, operation }) => (entity.number === number ? [operation.key] : [])),
      ),
    ])
  const versions = JSON.stringify([
    ...new Set(
      merged.flatMap(({ entity, operation }) =>
        entity.number === MessageVersion.number ? [String(operation.key).split(':')[0]] : [],
      ),
    ),
  ])
  return tx
    .all<{ id: string }>(
      `SELECT value AS id FROM json_each(?2)
       UNION SELECT conversation_id FROM messages
         WHERE space = ?1 AND id IN (SELECT value FROM json_each(?3) UNION SELECT value FROM json_each(?4))
         AND conversation_id IS NOT NULL`,
      [space, keys(Conversation.number), keys(Message.number), versions],
    )
    .map(({ id }) => id)
}

function queueDerivation(tx: VaultTransaction, conversationIds: readonly string[], now: number): void {
  for (const id of conversationIds)
    tx.run('INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) VALUES (?, ?)', [id, now])
}
