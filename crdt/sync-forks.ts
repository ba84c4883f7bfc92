import { LIMITS } from '../schema/limits.ts'
import { type LogNode, type LogPosition, logName } from './frontier.ts'
import type { Frame } from './sync-frames.ts'
import { insist, type Session, send, type Turn } from './sync-session-state.ts'

/** A log of which the other side has another branch, and where our signed segments of it end. */
export interface ForkQuery {
  readonly device: Uint8Array
  readonly incarnation: Uint8Array
  /** In the order of their sequences. */
  readonly ends: readonly LogNode[]
}

/** What was heard of the other side's heads is compared with what is here, once for each frontier it tells. */
export function compareHeads({ session, effects }: Turn): void {
  const heads = session.peerHeads
  if (!heads || heads === session.headsCompared) return
  session.headsCompared = heads
  effects.push({ type: 'compare-heads', heads })
}

/** Asks where a log parts. Bounded: who answers with what leads nowhere is not asked for ever. */
export function askWhereItParts(turn: Turn, queries: readonly ForkQuery[]): void {
  const { session } = turn
  for (const query of queries) {
    if (session.forksAsked >= LIMITS.syncForkFrames) return
    session.forksAsked++
    send(turn, { type: 'fork', ...query, segments: [] })
  }
}

export function onForkFrame({ session, effects }: Turn, frame: Extract<Frame, { type: 'fork' }>): void {
  insist(++session.forksHeard <= 2 * LIMITS.syncForkFrames)
  const { device, incarnation, ends, segments } = frame
  if (segments.length > 0) effects.push({ type: 'take-fork', segments })
  else effects.push({ type: 'compare-log', query: { device, incarnation, ends } })
}

/** Tells what follows where two logs part, or the proof that they do. */
export function tellFork(
  turn: Turn,
  log: Pick<LogPosition, 'device' | 'incarnation'>,
  segments: readonly Uint8Array[],
): void {
  if (segments.length === 0) return
  const { device, incarnation } = log
  send(turn, { type: 'fork', device, incarnation, ends: [], segments })
}

/** What was set aside because it follows nothing here is asked for again, when more of it has come; not for ever. */
export function forgetSetAside(session: Session, setAside: readonly LogPosition[]): void {
  if (setAside.length === 0 || session.setAside >= LIMITS.syncForkFrames) return
  session.setAside++
  const taken = new Map(session.taken)
  for (const log of setAside) taken.delete(logName(log))
  session.taken = taken
}
