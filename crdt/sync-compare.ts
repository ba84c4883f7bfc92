import { LIMITS } from '../schema/limits.ts'
import { logName } from './frontier.ts'
import { askAgain } from './sync-blobs.ts'
import { membersSettled } from './sync-members.ts'
import { type Session, same, sayState, send, type Turn } from './sync-session-state.ts'

/**
 * Says what changed here, and which heads there are if that is not what the other side holds. A side says its state
 * whenever it changed and nothing is on its way to it, so the last one each said is true in the end. While both
 * differ a state asks for an answer and the next one waits for it: commits in quick succession are told together.
 */
export function compare(turn: Turn): void {
  const { session } = turn
  const changed = !same(session.told?.frontier, session.digest)
  const differs = !same(session.heard?.frontier, session.digest)
  // The answer that is on its way is as good as another.
  if (session.asking) session.recheck = false
  if (session.owing || session.recheck || (changed && !session.asking))
    sayState(turn, session.recheck || (changed && differs))
  const told = same(session.told?.frontier, session.digest)
  if (!differs || !told || same(session.headsTold, session.digest)) return
  // Its answer will show whether there is anything to tell.
  if (session.asking && session.toldElsewhere) return
  const floors = session.snapshot.own.floors.slice(0, LIMITS.spaceLogs)
  // What only a snapshot told, and what counts no more, this side has nothing to send of.
  const lacking = new Set(session.snapshot.own.lacks?.map(logName))
  const heads = session.frontier.filter((head) => !lacking.has(logName(head))).slice(0, LIMITS.spaceLogs)
  send(turn, { type: 'have', heads, ...(floors.length > 0 ? { floors } : {}) })
  session.headsTold = session.digest
}

/** Names the phase, and tells when both sides have come to hold the same. */
export function settlePhase({ session, effects }: Turn): void {
  const before = session.phase
  session.phase = phaseOf(session)
  if (session.phase !== 'in-sync' || before === 'in-sync') return
  if (!same(session.acknowledged, session.digest) && session.frontier.length > 0)
    effects.push({ type: 'acknowledged', positions: session.frontier })
  session.acknowledged = session.digest
  askAgain(session)
  effects.push({ type: 'in-sync', applied: session.applied, sent: session.sent })
  session.applied = 0
  session.sent = 0
}

function phaseOf(session: Session): Session['phase'] {
  if (!session.heard) return 'opening'
  if (!session.members.peerIsMember || !membersSettled(session)) return 'members'
  if (session.pull || session.serve) return 'exchanging'
  const known = same(session.told?.frontier, session.digest) && same(session.heard.frontier, session.digest)
  return known && !session.asking ? 'in-sync' : 'comparing'
}
