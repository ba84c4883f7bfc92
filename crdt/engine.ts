import { LIMITS } from '../schema/limits.ts'
import type { Frontier, LogPosition } from './frontier.ts'
import type { AuditEffect, AuditEvent } from './sync-audit-events.ts'
import type { ForkQuery } from './sync-forks.ts'
import type { ByeReason, Frame } from './sync-frames.ts'
import { newSession, type Session, SessionEnd, type Turn } from './sync-session-state.ts'
import type { SnapshotEffect, SnapshotEvent } from './sync-snapshot.ts'
import { advance, take } from './sync-steps.ts'

/** What happens to a session. */
export type SyncEvent =
  /** The stream is open and the other side proved that it holds a key of the space. */
  | { readonly type: 'start'; readonly frontier: Frontier; readonly members: KnownMembers }
  | { readonly type: 'frame'; readonly frame: Frame }
  /**
   * Something was committed here, by whatever way: local writes, another session, or this one's `apply`. When the
   * other side hears of it by itself (`told`) it is compared later, and nothing is said of it now.
   */
  | { readonly type: 'committed'; readonly frontier: Frontier; readonly told?: boolean }
  /** Answers the effect `save-members`; with `news` it tells of members that came by another way instead. */
  | { readonly type: 'members'; readonly members: KnownMembers; readonly news?: boolean }
  /** Answers the effect `read`. Empty: there is nothing from that position on. */
  | {
      readonly type: 'read'
      readonly log: LogPosition
      readonly segments: readonly Uint8Array[]
      /** The position of the last operation in `segments`. */
      readonly upTo: number
    }
  /** Answers the effect `apply`: all of it is durable. `missingBlobs` are hashes this space's rows name and lack. */
  | {
      readonly type: 'applied'
      readonly frontier: Frontier
      readonly missingBlobs: readonly Uint8Array[]
      /** Some of it follows nothing here, and was set aside. */
      readonly setAside?: boolean
    }
  /** Answers `compare-heads`, and tells of segments that were set aside: logs to ask the other side about. */
  | { readonly type: 'parted'; readonly queries: readonly ForkQuery[] }
  /** Answers `compare-log`; also tells the proof of a fork that was found. */
  | {
      readonly type: 'fork-segments'
      readonly log: Pick<LogPosition, 'device' | 'incarnation'>
      readonly segments: readonly Uint8Array[]
    }
  /** Hashes this space's rows name and lack, found by another way: at the start, or after some have come. */
  | { readonly type: 'missing-blobs'; readonly hashes: readonly Uint8Array[] }
  /** Answers `apply` when a segment does not verify, fit or follow. */
  | { readonly type: 'refused' }
  /** Answers `read-blob`. */
  | {
      readonly type: 'blob'
      readonly hash: Uint8Array
      readonly offset: number
      readonly total: number
      readonly bytes: Uint8Array
    }
  /** Compare again: a timer, a beacon that differs, a gap, somebody asked. */
  | { readonly type: 'trigger' }
  /** Make sure that both show the same, once they hold the same; `fresh`: read every row for it. */
  | { readonly type: 'audit'; readonly fresh: boolean }
  /** An hour passed since the session began, or since this was said. */
  | { readonly type: 'hour' }
  | AuditEvent
  | SnapshotEvent

/** The devices of the space as this replica knows them. */
export interface KnownMembers {
  /** First 8 bytes of SHA-256 over the sorted documents. */
  readonly digest: Uint8Array
  readonly documents: readonly Uint8Array[]
  /** The device at the other end is certified and bound to the peer that speaks. */
  readonly peerIsMember: boolean
}

/** What the session asks of whoever runs it. Nothing else reaches the world. */
export type SyncEffect =
  | { readonly type: 'send'; readonly frame: Frame }
  /** Verify and store documents, then answer with the event `members`. */
  | { readonly type: 'save-members'; readonly documents: readonly Uint8Array[] }
  /** Read segments of a log from a position on, about `maxBytes` of them and at least one. One at a time. */
  | { readonly type: 'read'; readonly log: LogPosition; readonly maxBytes: number }
  /** Verify and merge in one transaction, in this order. One at a time. */
  | { readonly type: 'apply'; readonly segments: readonly Uint8Array[] }
  | {
      readonly type: 'read-blob'
      readonly hash: Uint8Array
      readonly offset: number
      readonly maxBytes: number
    }
  | {
      readonly type: 'store-blob-piece'
      readonly hash: Uint8Array
      readonly offset: number
      readonly total: number
      readonly bytes: Uint8Array
    }
  /** Look whether each of these heads, of a log that is here, is on a branch that is here; answer `parted`. */
  | { readonly type: 'compare-heads'; readonly heads: Frontier }
  /** Find what follows the last of these ends that is here; answer `fork-segments`. */
  | { readonly type: 'compare-log'; readonly query: ForkQuery }
  /** Verify and merge; what it leads to is told by other events. */
  | { readonly type: 'take-fork'; readonly segments: readonly Uint8Array[] }
  /** The peer holds these durably: cursors. */
  | { readonly type: 'acknowledged'; readonly positions: readonly LogPosition[] }
  /** Operations received of those announced, in this round. */
  | { readonly type: 'progress'; readonly done: number; readonly total: number }
  /** Both hold the same. `applied` and `sent` count operations since the round began. */
  | { readonly type: 'in-sync'; readonly applied: number; readonly sent: number }
  /** End the stream; a `bye` was sent before where one is due. */
  | { readonly type: 'close'; readonly reason: ByeReason }
  | AuditEffect
  | SnapshotEffect

export interface SyncStep {
  readonly state: SyncState
  readonly effects: readonly SyncEffect[]
}

/** A session's memory. Opaque: made by `newSync`, changed by `step`. */
export interface SyncState {
  readonly phase: 'opening' | 'members' | 'comparing' | 'exchanging' | 'in-sync' | 'closed'
}

/** How much is asked for at once; in bytes. */
export interface SyncLimits {
  /** Segment bytes that may be on the way to me without my ACK. */
  readonly credit: number
  /** Segment bytes one `apply` takes. */
  readonly applyBytes: number
}

export function newSync(
  limits: SyncLimits = { credit: LIMITS.syncCreditBytes, applyBytes: LIMITS.syncApplyBytes },
): SyncState {
  return newSession(limits)
}

/**
 * One event, its consequences and the state after it. The state before is not changed and can be used again; once
 * closed, nothing happens any more. Effects are to be carried out in their order; each answer may come at any time.
 * Whoever runs it keeps memory bounded: `read` and `read-blob` are answered when the frames before have been sent,
 * and no frame is given before the pieces of blobs in earlier ones are stored.
 */
export function step(state: SyncState, event: SyncEvent): SyncStep {
  if (state.phase === 'closed') return { state, effects: [] }
  const turn: Turn = { session: { ...(state as Session) }, effects: [] }
  try {
    take(turn, event)
    if (event.type !== 'committed' || !event.told) advance(turn)
    return { state: turn.session, effects: turn.effects }
  } catch (error) {
    if (!(error instanceof SessionEnd)) throw error
    return ended(turn.session, error)
  }
}

/** Says goodbye unless the other side did, and lets go of everything. */
function ended({ limits }: Session, { reason, heard }: SessionEnd): SyncStep {
  const close: SyncEffect = { type: 'close', reason }
  return {
    state: { ...newSession(limits), phase: 'closed' },
    effects: heard ? [close] : [{ type: 'send', frame: { type: 'bye', reason } }, close],
  }
}
