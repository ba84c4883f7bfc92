import type { KnownMembers, SyncEffect, SyncLimits, SyncState } from './engine.ts'
import { type Frontier, frontierDigest, type LogPosition, logName } from './frontier.ts'
import { type AuditState, NO_AUDIT } from './sync-audit-state.ts'
import type { AskedBlob, AwaitedBlob } from './sync-blobs.ts'
import type { ByeReason, Frame } from './sync-frames.ts'
import type { Pull } from './sync-pull.ts'
import type { SentSegment, Serve } from './sync-serve.ts'
import { NO_SNAPSHOT, type SnapshotState } from './sync-snapshot-state.ts'

/** What one side said it holds. */
export interface StateSaid {
  readonly frontier: Uint8Array
  readonly members: Uint8Array
}

/**
 * All a session remembers. A step works on a copy of the top level and replaces what is below it, so that the state
 * before a step stays as it was.
 */
export interface Session extends SyncState {
  phase: SyncState['phase']
  readonly limits: SyncLimits
  started: boolean
  /** What this side holds. */
  frontier: Frontier
  digest: Uint8Array
  members: KnownMembers

  /** The last state sent and the last one received. */
  told: StateSaid | undefined
  heard: StateSaid | undefined
  /** The other side was asked for its state and has not answered. */
  asking: boolean
  /** The other side asked for ours, and waits. */
  owing: boolean
  /** What was committed since it last said its state reached it by another way, as far as we know. */
  toldElsewhere: boolean
  /** Somebody here wants to be sure: the other side is asked when nothing else goes on. */
  recheck: boolean

  /** Digest of our members when their documents were sent. */
  membersTold: Uint8Array | undefined
  /** Digest the other side said its members had when it sent the last of their documents. */
  membersHeard: Uint8Array | undefined
  /** Documents handed over to be verified. */
  saving: number
  /** Frames taken from a peer that is not a member. */
  strangerFrames: number

  /** Digest of the frontier whose heads were sent. */
  headsTold: Uint8Array | undefined
  /** The heads the other side sent last. */
  peerHeads: Frontier | undefined
  /** Those of them that were compared with the branches here. */
  headsCompared: Frontier | undefined
  /** What is on its way here. */
  pull: Pull | undefined
  /** By log name: the last operation taken over this stream. Never asked for again, whatever became of it. */
  taken: ReadonlyMap<string, number>
  /** What is on its way there. */
  serve: Serve | undefined
  /** Segments sent without an ACK, in their order. */
  unacknowledged: readonly SentSegment[]
  /** Digest of the frontier that the other side is known to hold. */
  acknowledged: Uint8Array | undefined

  /** One thing is read at a time. */
  reading: 'nothing' | 'segments' | 'blob'
  lastRead: 'segments' | 'blob'
  /** Blobs the other side asked for, in its order. */
  blobsAsked: readonly AskedBlob[]
  /** Blobs we asked for, in our order, and those that wait for room to be asked for. */
  blobsAwaited: readonly AwaitedBlob[]
  blobsWanted: readonly Uint8Array[]
  /** Hashes in hex of what was wanted in this round and has not come. */
  blobsNamed: ReadonlySet<string>

  /** Questions about logs written apart, and how often something was set aside; all in this session. */
  forksAsked: number
  forksHeard: number
  setAside: number

  /** Operations since the round began. */
  applied: number
  sent: number
  audit: AuditState

  snapshot: SnapshotState
}

/** A step in the making. */
export interface Turn {
  readonly session: Session
  readonly effects: SyncEffect[]
}

export function newSession(limits: SyncLimits): Session {
  return {
    phase: 'opening',
    limits,
    started: false,
    frontier: [],
    digest: frontierDigest([]),
    members: { digest: new Uint8Array(8), documents: [], peerIsMember: false },
    told: undefined,
    heard: undefined,
    asking: false,
    owing: false,
    toldElsewhere: false,
    recheck: false,
    membersTold: undefined,
    membersHeard: undefined,
    saving: 0,
    strangerFrames: 0,
    headsTold: undefined,
    peerHeads: undefined,
    headsCompared: undefined,
    pull: undefined,
    taken: new Map(),
    serve: undefined,
    unacknowledged: [],
    acknowledged: undefined,
    reading: 'nothing',
    lastRead: 'blob',
    blobsAsked: [],
    blobsAwaited: [],
    blobsWanted: [],
    blobsNamed: new Set(),
    forksAsked: 0,
    forksHeard: 0,
    setAside: 0,
    applied: 0,
    sent: 0,
    audit: NO_AUDIT,
    snapshot: NO_SNAPSHOT,
  }
}

export function send({ effects }: Turn, frame: Frame): void {
  effects.push({ type: 'send', frame })
}

/** Thrown where a session cannot go on: the rest of the step does not happen. Never leaves `step`. */
export class SessionEnd extends Error {
  readonly reason: ByeReason
  /** The other side said so itself. */
  readonly heard: boolean

  constructor(reason: ByeReason, heard = false) {
    super(`the session ends: ${reason}`)
    this.reason = reason
    this.heard = heard
  }
}

/** Goes on only if the other side kept to the rules. @throws SessionEnd `protocol` */
export function insist(kept: boolean): asserts kept {
  if (!kept) throw new SessionEnd('protocol')
}

/** Says what this side holds. */
export function sayState(turn: Turn, ask: boolean): void {
  const { session } = turn
  const said = { frontier: session.digest, members: session.members.digest }
  send(turn, { type: 'state', ...said, ask })
  session.told = said
  session.owing = false
  if (!ask) return
  session.asking = true
  session.recheck = false
}

/**
 * Takes in what this side holds by now. Logs only grow, and events of different sources may overtake each other:
 * of two heads of a log the later one counts.
 */
export function holdFrontier(session: Session, frontier: Frontier): void {
  const heads = new Map(session.frontier.map((head) => [logName(head), head]))
  for (const head of frontier) {
    const name = logName(head)
    if (head.sequence > 0 && head.sequence >= (heads.get(name)?.sequence ?? 0)) heads.set(name, head)
  }
  session.frontier = [...heads.values()]
  session.digest = frontierDigest(session.frontier)
}

/** By log name: the sequence of the last operation. */
export function sequencesOf(positions: readonly LogPosition[]): Map<string, number> {
  return new Map(positions.map((position) => [logName(position), position.sequence]))
}

/** Whether a digest that was heard is that one; of some a frame carries the beginning. */
export function same(heard: Uint8Array | undefined, digest: Uint8Array): boolean {
  return heard !== undefined && Buffer.compare(heard, digest.subarray(0, heard.length)) === 0
}
