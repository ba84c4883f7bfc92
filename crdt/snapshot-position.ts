import type { Cbor } from './cbor.ts'
import { type FloorPosition, positionFields, readPosition, sortedPositions } from './floor.ts'
import { logName } from './frontier.ts'
import { bytesOf, fieldsOf, integerOf, listOf } from './sync-fields.ts'

/** Of a branch: what its name does not tell, and who has no operation of it needs. */
export interface SnapshotBranch {
  /** The incarnation its operations are chained under. */
  readonly origin: Uint8Array
  /** Name of the log that it goes on from. */
  readonly parent: Uint8Array
  /** Sequence of its first operation, in its chain. */
  readonly start: number
}

/** Up to where a snapshot takes in a log; the sequence is that of the chain, in a branch too. */
export interface SnapshotPosition extends FloorPosition {
  readonly branch?: SnapshotBranch
}

/** In byte order; [device, incarnation, sequence, hash, closed], and of a branch its origin, parent and start. */
export function snapshotPositionFields(positions: readonly SnapshotPosition[]): Cbor[] {
  return sortedPositions(positions).map((position) => {
    const { branch } = position
    return [...positionFields(position), ...(branch ? [branch.origin, branch.parent, branch.start] : [])]
  })
}

/** @throws on anything else, and on a branch that does not go on where its parent ends */
export function readSnapshotPositions(list: Cbor | undefined, max: number): SnapshotPosition[] {
  const positions = listOf(list, 0, max).map(read)
  const byName = new Map(positions.map((position) => [logName(position), position]))
  for (const { device, sequence, branch } of positions) {
    if (!branch) continue
    const parent = byName.get(logName({ device, incarnation: branch.parent }))
    const origin = parent?.branch?.origin ?? parent?.incarnation
    if (
      !parent ||
      Buffer.compare(origin!, branch.origin) !== 0 ||
      (parent.branch?.start ?? 0) >= branch.start ||
      parent.sequence !== branch.start - 1 ||
      sequence < branch.start - 1
    )
      throw new Error('a branch that goes on from nothing')
  }
  return positions
}

function read(item: Cbor): SnapshotPosition {
  if (!Array.isArray(item) || item.length !== 8) return readPosition(item)
  const [origin, parent, start] = fieldsOf(item.slice(5), 3)
  return {
    ...readPosition(item.slice(0, 5)),
    branch: { origin: bytesOf(origin, 8), parent: bytesOf(parent, 8), start: integerOf(start, 1) },
  }
}
