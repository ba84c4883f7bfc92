import { LIMITS } from '../schema/limits.ts'
import { type LogPosition, logName } from './frontier.ts'
import type { Frame, WantedRun } from './sync-frames.ts'
import { runOfSegment } from './sync-segment-run.ts'
import { insist, SessionEnd, send, sequencesOf, type Turn } from './sync-session-state.ts'

/** Operations the other side asked for. */
export interface Serve {
  /** Logs take turns; `sequence` is that of the next operation to send. */
  readonly runs: readonly WantedRun[]
  /** Segment bytes that may be sent before the next ACK; below zero after a segment larger than what was left. */
  readonly credit: number
}

/** Only what this side said it has may be asked for, and one WANT at a time. */
export function onWant(turn: Turn, { runs, credit }: Extract<Frame, { type: 'want' }>): void {
  const { session } = turn
  const heads = sequencesOf(session.frontier)
  const held = runs.every((run) => run.upTo <= (heads.get(logName(run)) ?? 0))
  insist(!session.serve && session.unacknowledged === 0 && held)
  session.serve = { runs, credit }
  const operations = runs.reduce((sum, { sequence, upTo }) => sum + upTo - sequence + 1, 0)
  send(turn, { type: 'totals', operations })
}

export function readSegments({ session, effects }: Turn, { runs, credit }: Serve): void {
  const { device, incarnation, sequence } = runs[0]!
  const maxBytes = Math.min(credit, LIMITS.syncReadBytes)
  session.reading = 'segments'
  effects.push({ type: 'read', log: { device, incarnation, sequence }, maxBytes })
}

/**
 * Sends what was read: to the end of the run that was asked for, and while there is credit. What is left over is read
 * again when its turn comes.
 */
export function onRead(turn: Turn, segments: readonly Uint8Array[]): void {
  const { session } = turn
  const { serve } = session
  if (session.reading !== 'segments' || !serve) return
  session.reading = 'nothing'
  session.lastRead = 'segments'
  const [wanted, ...others] = serve.runs
  let { sequence } = wanted!
  let { credit } = serve
  for (const bytes of segments) {
    if (credit <= 0 || sequence > wanted!.upTo) break
    const upTo = endOf(bytes)
    send(turn, { type: 'segment', bytes })
    session.sent += upTo - sequence + 1
    session.unacknowledged += bytes.length
    credit -= bytes.length
    sequence = upTo + 1
  }
  // What this side said it has is not there: it cannot keep its word, and says so rather than wait for ever.
  if (sequence === wanted!.sequence) throw new SessionEnd('closing')
  session.served = new Map(session.served).set(logName(wanted!), sequence - 1)
  const runs = sequence > wanted!.upTo ? others : [...others, { ...wanted!, sequence }]
  session.serve = runs.length > 0 ? { runs, credit } : undefined
}

export function onAck({ session, effects }: Turn, positions: readonly LogPosition[], credit: number): void {
  const heads = sequencesOf(session.frontier)
  const held = positions.every((position) => {
    const name = logName(position)
    return position.sequence <= Math.max(heads.get(name) ?? 0, session.served.get(name) ?? 0)
  })
  insist(held && credit <= session.unacknowledged)
  session.unacknowledged -= credit
  if (session.serve) session.serve = { ...session.serve, credit: session.serve.credit + credit }
  if (positions.length > 0) effects.push({ type: 'acknowledged', positions })
}

/** Segments of our own that cannot be read are no fault of the other side. */
function endOf(segment: Uint8Array): number {
  try {
    return runOfSegment(segment).upTo
  } catch {
    throw new SessionEnd('closing')
  }
}
