import { LIMITS } from '../schema/limits.ts'
import type { SyncEvent } from './engine.ts'
import { advanceAudit, forgetQuestions, onAuditEvent, onAuditFrame, wantAudit } from './sync-audit.ts'
import { askForBlobs, onBlobFrame, onBlobRead, onWantBlobs, readBlob, wantBlobs } from './sync-blobs.ts'
import { compare, settlePhase } from './sync-compare.ts'
import { askWhereItParts, compareHeads, onForkFrame, tellFork } from './sync-forks.ts'
import type { Frame } from './sync-frames.ts'
import { exchangeMembers, membersSettled, onMembers, onMembersFrame } from './sync-members.ts'
import { continuePull, onApplied, onSegment, onTotals, startPull } from './sync-pull.ts'
import { onAck, onRead, onWant, readSegments } from './sync-serve.ts'
import { holdFrontier, insist, type Session, SessionEnd, sayState, type Turn } from './sync-session-state.ts'
import { advanceSnapshot, onSnapshotEvent, onSnapshotFrame } from './sync-snapshot.ts'
import { isSnapshotFrame } from './sync-snapshot-frames.ts'

const FROM_ANYBODY: readonly Frame['type'][] = ['state', 'members', 'have', 'want-blobs']

/** Takes an event in. What follows from it is `advance`'s. @throws SessionEnd */
export function take(turn: Turn, event: SyncEvent): void {
  const { session } = turn
  switch (event.type) {
    case 'start':
      start(turn, event)
      break
    case 'frame':
      takeFrame(turn, event.frame)
      break
    case 'committed':
      holdFrontier(session, event.frontier)
      session.toldElsewhere ||= event.told ?? false
      break
    case 'members':
      onMembers(turn, event.members, event.news ?? false)
      break
    case 'read':
      onRead(turn, event.segments)
      break
    case 'applied':
      onApplied(turn, event)
      break
    case 'parted':
      askWhereItParts(turn, event.queries)
      break
    case 'fork-segments':
      tellFork(turn, event.log, event.segments)
      break
    case 'missing-blobs':
      wantBlobs(turn, event.hashes)
      break
    case 'blob':
      onBlobRead(turn, event)
      break
    case 'trigger':
      // What is going on ends in a comparison anyway.
      if (session.heard && !session.pull) session.recheck = true
      break
    case 'audit':
      wantAudit(turn, event.fresh)
      break
    case 'hour':
      forgetQuestions(turn)
      break
    case 'audit-measured':
    case 'audit-split':
    case 'audit-compared':
      onAuditEvent(turn, event)
      break
    case 'refused':
      throw new SessionEnd('refused')
    default:
      onSnapshotEvent(turn, event)
  }
}

/** Does whatever the state allows and asks for. Doing it twice does nothing more. @throws SessionEnd */
export function advance(turn: Turn): void {
  const { session } = turn
  if (!session.heard) return
  exchangeMembers(turn)
  const settled = membersSettled(session)
  if (session.members.peerIsMember) exchangeData(turn, settled)
  else if (settled) throw new SessionEnd('not-a-device')
  settlePhase(turn)
  advanceAudit(turn)
}

function start(turn: Turn, { frontier, members }: Extract<SyncEvent, { type: 'start' }>): void {
  const { session } = turn
  if (session.started) return
  session.started = true
  session.members = members
  holdFrontier(session, frontier)
  sayState(turn, false)
}

function exchangeData(turn: Turn, settled: boolean): void {
  const { session } = turn
  compareHeads(turn)
  readNext(turn)
  askForBlobs(turn)
  // A segment of a device nobody told us of yet would be refused.
  if (!settled) return
  continuePull(turn)
  if (session.pull) return
  // Between two pulls as well: a side that is always behind has something to tell too.
  compare(turn)
  if (advanceSnapshot(turn)) return
  startPull(turn)
}

/** Segments and blobs take turns. */
function readNext(turn: Turn): void {
  const { session } = turn
  if (session.reading !== 'nothing') return
  const { serve, lastRead } = session
  const blob = session.blobsAsked[0]
  const segments = serve && serve.credit > 0 && !(blob && lastRead === 'segments')
  if (segments) readSegments(turn, serve)
  else if (blob) readBlob(turn, blob)
}

function takeFrame(turn: Turn, frame: Frame): void {
  const { session } = turn
  if (frame.type === 'bye') throw new SessionEnd(frame.reason, true)
  insist(mayCome(session, frame))
  switch (frame.type) {
    case 'state':
      session.heard = { frontier: frame.frontier, members: frame.members }
      session.asking = false
      session.toldElsewhere = false
      session.owing ||= frame.ask
      break
    case 'members':
      onMembersFrame(turn, frame)
      break
    case 'have':
      session.peerHeads = frame.heads
      session.snapshot = { ...session.snapshot, peer: frame.floors ?? [] }
      break
    case 'want':
      onWant(turn, frame)
      break
    case 'totals':
      onTotals(turn, frame.operations)
      break
    case 'segment':
      onSegment(turn, frame.bytes)
      break
    case 'ack':
      onAck(turn, frame.credit)
      break
    case 'want-blobs':
      onWantBlobs(turn, frame.hashes)
      break
    case 'fork':
      onForkFrame(turn, frame)
      break
    case 'blob':
      onBlobFrame(turn, frame)
      break
    default:
      if (isSnapshotFrame(frame)) onSnapshotFrame(turn, frame)
      else onAuditFrame(turn, frame)
  }
}

/**
 * A state comes first. Of a peer that is no member no data is taken. Its heads and wishes for blobs are kept for when
 * it turns out to be one, because it may have finished with our documents before we have with its.
 */
function mayCome(session: Session, { type }: Frame): boolean {
  if (!session.started) return false
  if (!session.heard) return type === 'state'
  if (session.members.peerIsMember) return true
  return FROM_ANYBODY.includes(type) && ++session.strangerFrames <= LIMITS.syncStrangerFrames
}
