import type { LogFloor } from './floor.ts'
import { type Frontier, type LogPosition, logName } from './frontier.ts'
import { insist, type Session, SessionEnd, same, send, sequencesOf, type Turn } from './sync-session-state.ts'
import type { SnapshotFrame } from './sync-snapshot-frames.ts'
import type { KnownFloors } from './sync-snapshot-state.ts'

export type SnapshotEvent =
  /** At the start, and when floors have changed. */
  | ({ readonly type: 'floors' } & KnownFloors)
  /** Answers `make-snapshot`. */
  | { readonly type: 'snapshot-made'; readonly header: Uint8Array }
  /** Answers `begin-snapshot`: `next` is the first chunk that is not here. */
  | {
      readonly type: 'snapshot-begun'
      readonly root: Uint8Array
      readonly next: number
      readonly total: number
    }
  /** Answers `read-chunk`. */
  | { readonly type: 'chunk-read'; readonly position: number; readonly bytes: Uint8Array }
  /** Answers `store-chunk`: it is the one the header names, and durable enough. */
  | { readonly type: 'chunk-stored'; readonly next: number }
  /** Answers `install-snapshot`: this side begins again, and so does the session. */
  | { readonly type: 'snapshot-installed' }

export type SnapshotEffect =
  | { readonly type: 'make-snapshot' }
  /** Check who signed it; a header that is no good is answered with `refused`. */
  | { readonly type: 'begin-snapshot'; readonly header: Uint8Array }
  | { readonly type: 'read-chunk'; readonly root: Uint8Array; readonly position: number }
  | {
      readonly type: 'store-chunk'
      readonly root: Uint8Array
      readonly position: number
      readonly bytes: Uint8Array
    }
  | { readonly type: 'install-snapshot'; readonly root: Uint8Array }

/** A log that one side has to have up to a floor is shorter, or goes on where nothing more counts. */
function isBelow(frontier: Frontier, floors: readonly LogFloor[]): boolean {
  const heads = sequencesOf(frontier)
  return floors.some((floor) => {
    const head = heads.get(logName(floor)) ?? 0
    return head < floor.sequence || (floor.closed && head > floor.sequence)
  })
}

/**
 * True while this side is below the other's floor: it takes no operations, lets the other side take what still counts,
 * and then asks for a snapshot. Two sides below each other's floors wait for a third.
 */
export function advanceSnapshot(turn: Turn): boolean {
  const { session } = turn
  const { snapshot, peerHeads } = session
  if (snapshot.taking) return true
  if (snapshot.own.lacks && !snapshot.declined && isHeard(session)) {
    ask(turn)
    return true
  }
  if (!peerHeads || !isBelow(session.frontier, snapshot.peer)) return false
  if (isBelow(peerHeads, snapshot.own.floors)) return true
  const heads = sequencesOf(peerHeads)
  const counted = devicesAbove(snapshot.peer)
  const heard = session.frontier.every(
    (head) =>
      !counted.has(deviceName(head)) ||
      (heads.get(logName(head)) ?? 0) >= head.sequence ||
      ends(snapshot.peer, head),
  )
  if (!heard || snapshot.declined) return true
  ask(turn)
  return true
}

function ask(turn: Turn): void {
  const { session } = turn
  session.snapshot = { ...session.snapshot, taking: { at: 'asked' } }
  send(turn, { type: 'want-snapshot' })
}

/** The other side has all that is here and counts. */
function isHeard({ frontier, digest, heard, peerHeads, snapshot }: Session): boolean {
  if (same(heard?.frontier, digest)) return true
  const heads = sequencesOf(peerHeads ?? [])
  const counts = sequencesOf(snapshot.own.lacks ?? [])
  return frontier.every((head) => {
    const name = logName(head)
    return (heads.get(name) ?? 0) >= Math.min(head.sequence, counts.get(name) ?? head.sequence)
  })
}

/**
 * The last operation of a log that may still be taken here. Of a side that is below the floor only logs of devices that
 * keep to it count: its own were written on top of a past that is gone, and it says again what is left of them.
 */
export function endOfLog({ snapshot, peerHeads }: Session): (log: LogPosition) => number {
  const { floors, closed } = snapshot.own
  const ending = sequencesOf(closed)
  const counted = peerHeads && isBelow(peerHeads, floors) ? devicesAbove(floors) : undefined
  return (log) => {
    if (counted && !counted.has(deviceName(log))) return 0
    return ending.get(logName(log)) ?? Number.MAX_SAFE_INTEGER
  }
}

/** Devices that go on in a log that the floors name. */
function devicesAbove(floors: readonly LogFloor[]): ReadonlySet<string> {
  return new Set(floors.filter(({ closed }) => !closed).map(deviceName))
}

const deviceName = ({ device }: Pick<LogPosition, 'device'>) => Buffer.from(device).toString('hex')

const ends = (floors: readonly LogFloor[], log: LogPosition) =>
  floors.some((floor) => floor.closed && logName(floor) === logName(log))

export function onSnapshotFrame(turn: Turn, frame: SnapshotFrame): void {
  const { session, effects } = turn
  const { snapshot } = session
  const { taking, giving } = snapshot
  switch (frame.type) {
    case 'want-snapshot':
      // One in a session: it costs a look at every row.
      insist(giving === undefined)
      session.snapshot = { ...snapshot, giving: 'making' }
      effects.push({ type: 'make-snapshot' })
      break
    case 'snapshot':
      insist(taking?.at === 'asked')
      if (frame.header.length === 0) {
        session.snapshot = { ...snapshot, taking: undefined, declined: true }
        break
      }
      session.snapshot = { ...snapshot, taking: { at: 'checking' } }
      effects.push({ type: 'begin-snapshot', header: frame.header })
      break
    case 'want-chunk':
      insist(giving === 'made')
      session.snapshot = { ...snapshot, giving: 'reading' }
      effects.push({ type: 'read-chunk', root: frame.root, position: frame.position })
      break
    case 'chunk':
      insist(taking?.at === 'fetching' && taking.next === frame.position)
      // It was erased from, or made anew: next time.
      if (frame.bytes.length === 0) throw new SessionEnd('closing')
      session.snapshot = { ...snapshot, taking: { ...taking, at: 'storing' } }
      effects.push({ type: 'store-chunk', root: taking.root, position: frame.position, bytes: frame.bytes })
      break
  }
}

export function onSnapshotEvent(turn: Turn, event: SnapshotEvent): void {
  const { session } = turn
  const { snapshot } = session
  const { taking, giving } = snapshot
  switch (event.type) {
    case 'floors':
      session.snapshot = {
        ...snapshot,
        own: { floors: event.floors, closed: event.closed, lacks: event.lacks },
      }
      break
    case 'snapshot-made':
      if (giving !== 'making') break
      session.snapshot = { ...snapshot, giving: 'made' }
      send(turn, { type: 'snapshot', header: event.header })
      break
    case 'chunk-read':
      if (giving !== 'reading') break
      session.snapshot = { ...snapshot, giving: 'made' }
      send(turn, { type: 'chunk', position: event.position, bytes: event.bytes })
      break
    case 'snapshot-begun':
      if (taking?.at === 'checking') fetchNext(turn, event.root, event.next, event.total)
      break
    case 'chunk-stored':
      if (taking?.at === 'storing') fetchNext(turn, taking.root, event.next, taking.total)
      break
    case 'snapshot-installed':
      // Nothing this session remembers is true any more.
      throw new SessionEnd('closing')
  }
}

function fetchNext(turn: Turn, root: Uint8Array, next: number, total: number): void {
  const { session, effects } = turn
  const at = next < total ? 'fetching' : 'installing'
  session.snapshot = { ...session.snapshot, taking: { at, root, next, total } }
  if (at === 'fetching') {
    effects.push({ type: 'progress', done: next, total })
    send(turn, { type: 'want-chunk', root, position: next })
  } else effects.push({ type: 'install-snapshot', root })
}
