import type { SyncEvent } from './engine.ts'
import { logName } from './frontier.ts'
import { wantBlobs } from './sync-blobs.ts'
import { forgetSetAside } from './sync-forks.ts'
import type { WantedRun } from './sync-frames.ts'
import { runOfSegment, type SegmentRun } from './sync-segment-run.ts'
import {
  holdFrontier,
  insist,
  type Session,
  SessionEnd,
  send,
  sequencesOf,
  type Turn,
} from './sync-session-state.ts'
import { endOfLog } from './sync-snapshot.ts'

/** Operations asked for and on their way here. */
export interface Pull {
  /** By log name, what is still to come; `sequence` is that of the next operation. */
  readonly runs: ReadonlyMap<string, WantedRun>
  readonly total: number
  readonly totalsHeard: boolean
  readonly done: number
  /** Arrived and waiting, and being merged. */
  readonly waiting: readonly Arrived[]
  readonly applying: readonly Arrived[]
  /** Bytes of both: what the other side has no ACK for. */
  readonly bytes: number
}

interface Arrived {
  readonly bytes: Uint8Array
  readonly run: SegmentRun
}

/** Asks for what the other side has and this side does not. */
export function startPull(turn: Turn): void {
  const { session } = turn
  const runs = lacking(session)
  if (runs.length === 0) return
  session.pull = {
    runs: new Map(runs.map((run) => [logName(run), run])),
    total: runs.reduce((sum, run) => sum + lengthOf(run), 0),
    totalsHeard: false,
    done: 0,
    waiting: [],
    applying: [],
    bytes: 0,
  }
  send(turn, { type: 'want', runs, credit: session.limits.credit })
}

/** Hands over the next segments to merge; ends the pull after the last. */
export function continuePull({ session, effects }: Turn): void {
  const { pull } = session
  if (!pull || pull.applying.length > 0) return
  if (pull.waiting.length > 0) {
    const count = countWithin(pull.waiting, session.limits.applyBytes)
    const applying = pull.waiting.slice(0, count)
    session.pull = { ...pull, applying, waiting: pull.waiting.slice(count) }
    effects.push({ type: 'apply', segments: applying.map(({ bytes }) => bytes) })
  } else if (pull.runs.size === 0) session.pull = undefined
}

/** Nothing else is checked here than that it is what was announced: the runs asked for say how much that is. */
export function onTotals({ session }: Turn, operations: number): void {
  const { pull } = session
  insist(pull !== undefined && !pull.totalsHeard && operations === pull.total)
  session.pull = { ...pull, totalsHeard: true }
}

/** Takes a segment if it is the next of a run that was asked for, and there was credit for it. */
export function onSegment({ session }: Turn, bytes: Uint8Array): void {
  const { pull } = session
  const run = readRun(bytes)
  const name = logName(run)
  const wanted = pull?.runs.get(name)
  insist(pull?.totalsHeard === true && wanted?.sequence === run.sequence)
  insist(pull.bytes < session.limits.credit)
  const runs = new Map(pull.runs)
  if (run.upTo >= wanted.upTo) runs.delete(name)
  else runs.set(name, { ...wanted, sequence: run.upTo + 1 })
  const waiting = [...pull.waiting, { bytes, run }]
  session.pull = { ...pull, runs, waiting, bytes: pull.bytes + bytes.length }
}

export function onApplied(
  turn: Turn,
  { frontier, missingBlobs, setAside }: Extract<SyncEvent, { type: 'applied' }>,
): void {
  const { session, effects } = turn
  holdFrontier(session, frontier)
  const { pull } = session
  if (pull && pull.applying.length > 0) {
    const credit = pull.applying.reduce((sum, { bytes }) => sum + bytes.length, 0)
    const operations = pull.applying.reduce((sum, { run }) => sum + lengthOf(run), 0)
    const taken = new Map(session.taken)
    for (const { run } of pull.applying) taken.set(logName(run), run.upTo)
    session.taken = taken
    if (setAside) {
      const heads = sequencesOf(session.frontier)
      const runs = pull.applying.map(({ run }) => run)
      forgetSetAside(
        session,
        runs.filter((run) => (heads.get(logName(run)) ?? 0) < run.upTo),
      )
    }
    session.applied += operations
    session.pull = { ...pull, applying: [], bytes: pull.bytes - credit, done: pull.done + operations }
    send(turn, { type: 'ack', credit })
    effects.push({ type: 'progress', done: pull.done + operations, total: pull.total })
  }
  wantBlobs(turn, missingBlobs)
}

function lacking(session: Session): WantedRun[] {
  const { frontier, taken, peerHeads = [] } = session
  const endOf = endOfLog(session)
  const heads = sequencesOf(frontier)
  return peerHeads.flatMap(({ device, incarnation, sequence: head }) => {
    const name = logName({ device, incarnation })
    const upTo = Math.min(head, endOf({ device, incarnation, sequence: head }))
    const sequence = Math.max(heads.get(name) ?? 0, taken.get(name) ?? 0) + 1
    return upTo >= sequence ? [{ device, incarnation, sequence, upTo }] : []
  })
}

/** How many segments from the first one make up to `maxBytes`; at least one. */
function countWithin(segments: readonly Arrived[], maxBytes: number): number {
  let bytes = 0
  const over = segments.findIndex((segment) => {
    bytes += segment.bytes.length
    return bytes > maxBytes
  })
  return over === -1 ? segments.length : Math.max(1, over)
}

function lengthOf({ sequence, upTo }: WantedRun | SegmentRun): number {
  return upTo - sequence + 1
}

function readRun(bytes: Uint8Array): SegmentRun {
  try {
    return runOfSegment(bytes)
  } catch {
    throw new SessionEnd('protocol')
  }
}
