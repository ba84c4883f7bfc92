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

/** A segment on its way there. */
export interface SentSegment {
  /** Its last operation. */
  readonly position: LogPosition
  readonly bytes: number
}

/** Only what this side said it has may be asked for, and one WANT at a time. */
export function onWant(turn: Turn, { runs, credit }: Extract<Frame, { type: 'want' }>): void {
  const { session } = turn
  const heads = sequencesOf(session.frontier)
  const held = runs.every((run) => run.upTo <= (heads.get(logName(run)) ?? 0))
  insist(!session.serve && session.unacknowledged.length === 0 && held)
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
  const { device, incarnation } = wanted!
  const sent: SentSegment[] = []
  for (const bytes of segments) {
    if (credit <= 0 || sequence > wanted!.upTo) break
    const upTo = endOf(bytes)
    send(turn, { type: 'segment', bytes })
    session.sent += upTo - sequence + 1
    sent.push({ position: { device, incarnation, sequence: upTo }, bytes: bytes.length })
    credit -= bytes.length
    sequence = upTo + 1
  }
  // What this side said it has is not there: it cannot keep its word, and says so rather than wait for ever.
  if (sequence === wanted!.sequence) throw new SessionEnd('closing')
  session.unacknowledged = [...session.unacknowledged, ...sent]
  const runs = sequence > wanted!.upTo ? others : [...others, { ...wanted!, sequence }]
  session.serve = runs.length > 0 ? { runs, credit } : undefined
}

/** Segments are merged in the order they were sent, so their bytes say which: what an ACK names is what was sent. */
export function onAck({ session, effects }: Turn, credit: number): void {
  const positions = new Map<string, LogPosition>()
  let [count, bytes] = [0, 0]
  while (bytes < credit) {
    const sent = session.unacknowledged[count++]
    insist(sent !== undefined)
    bytes += sent.bytes
    positions.set(logName(sent.position), sent.position)
  }
  insist(bytes === credit)
  session.unacknowledged = session.unacknowledged.slice(count)
  if (session.serve) session.serve = { ...session.serve, credit: session.serve.credit + credit }
  effects.push({ type: 'acknowledged', positions: [...positions.values()] })
}

/** Segments of our own that cannot be read are no fault of the other side. */
function endOf(segment: Uint8Array): number {
  try {
    return runOfSegment(segment).upTo
  } catch {
    throw new SessionEnd('closing')
  }
}
