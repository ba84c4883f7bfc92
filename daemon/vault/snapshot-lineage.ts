import { branchName } from '../../crdt/branch.ts'
import { sortedPositions } from '../../crdt/floor.ts'
import { logName } from '../../crdt/frontier.ts'
import { GENESIS_HASH } from '../../crdt/log.ts'
import type { SnapshotHeader } from '../../crdt/snapshot.ts'
import type { SnapshotPosition } from '../../crdt/snapshot-position.ts'
import { VivimError } from '../../schema/errors.ts'
import type { LogRow } from './logs.ts'
import type { OpenVault } from './open-vault.ts'
import type { Sql } from './sql.ts'
import type { UnsentOperation } from './unsent.ts'

/**
 * Where each log stands. An operation that waits is not in the rows, so a log with one ends before it.
 * @throws VivimError `Conflict` while one waits in what branches share: they would go on from nothing
 */
export function snapshotPositions(vault: OpenVault): SnapshotPosition[] {
  const { logs, space, floorPositions, forks } = vault
  const rows = logs.list(space)
  const positions = rows.flatMap((log): SnapshotPosition[] => {
    const { ref, device, incarnation, head_seq, head_hash, start } = log
    const waiting = vault.get<{ seq: number | null }>(
      'SELECT min(seq) AS seq FROM held_operations WHERE log = ?',
      [ref],
    )?.seq
    const isForked = forks.branches.isForked(log)
    if (waiting && isForked)
      throw new VivimError('Conflict', 'A change waits in a log that was written apart.', {
        hint: 'Another device may be able to make a snapshot.',
      })
    const sequence = waiting ? waiting - 1 : head_seq
    // Rows may show what follows an operation that waits: then the log is named even where the first one does.
    if (sequence === 0 && head_seq === 0 && !isForked) return []
    const parent = rows.find((known) => known.ref === log.parent)
    if (log.parent === null && start > 1) return []
    const hash = sequence === head_seq ? head_hash : hashBefore(vault, parent, log, sequence)
    if (!hash) return []
    const branch = log.origin && parent && { origin: log.origin, parent: parent.incarnation, start }
    const closed = floorPositions.closedAt(ref) !== undefined
    return [{ device, incarnation, sequence, hash, closed, ...(branch && { branch }) }]
  })
  return sortedPositions(positions)
}

function hashBefore(
  vault: OpenVault,
  parent: LogRow | undefined,
  { ref, start }: LogRow,
  sequence: number,
): Uint8Array | undefined {
  if (sequence === 0) return GENESIS_HASH
  return parent && sequence === start - 1 ? parent.head_hash : vault.hashAt(ref, sequence)
}

/**
 * Makes the logs of a snapshot this vault's, with the branches it names and no others; answers the number of each.
 * @throws VivimError `Corrupt` for a log that is here as something else
 */
export function takeLogs(vault: OpenVault, tx: Sql, { positions }: SnapshotHeader): number[] {
  const { logs, space } = vault
  const named = new Set(positions.map(logName))
  for (const log of logs.list(space))
    if (!named.has(logName(log))) logs.advance(log.ref, log.start - 1, GENESIS_HASH)
  tx.run('UPDATE logs SET parent = NULL WHERE space = ?', [space])
  const refs = positions.map((position) => {
    const known = logs.find(space, position)
    if (known && !isSame(known, position))
      throw new VivimError('Corrupt', 'A peer sent a snapshot that takes one log for another.')
    const ref = known?.ref ?? logs.add(space, position)
    logs.advance(ref, position.sequence, position.hash)
    return ref
  })
  for (const [index, { device, branch }] of positions.entries())
    if (branch) {
      const { ref: parent } = logs.find(space, { device, incarnation: branch.parent })!
      tx.run('UPDATE logs SET origin = ?, parent = ?, start = ? WHERE ref = ?', [
        branch.origin,
        parent,
        branch.start,
        refs[index]!,
      ])
    }
  return refs
}

function isSame({ origin, start }: LogRow, { branch }: SnapshotPosition): boolean {
  return branch
    ? origin !== null && Buffer.compare(origin, branch.origin) === 0 && start === branch.start
    : origin === null
}

/** How far a snapshot takes in a log that is here: where it was made a part of it may stand in a branch. */
export function lastTakenIn(
  vault: OpenVault,
  { positions }: SnapshotHeader,
  log: LogRow,
): SnapshotPosition | undefined {
  const origin = log.origin ?? log.incarnation
  return positions
    .filter((position) => {
      if (Buffer.compare(position.device, log.device) !== 0) return false
      if (Buffer.compare(position.incarnation, log.incarnation) === 0) return true
      const { branch } = position
      if (!branch || Buffer.compare(branch.origin, origin) !== 0) return false
      const hash = branch.start >= log.start ? vault.hashAt(log.ref, branch.start) : undefined
      return (
        hash !== undefined && Buffer.compare(branchName(log.device, origin, hash), position.incarnation) === 0
      )
    })
    .toSorted((a, b) => b.sequence - a.sequence || (b.branch?.start ?? 0) - (a.branch?.start ?? 0))[0]
}

/** After the snapshot's logs are here: the operation with the number of the log that it is in there. */
export function carriedBy({ logs, space }: OpenVault, one: UnsentOperation): UnsentOperation {
  const log = logs.find(space, one.within)?.ref ?? one.stamp.log
  return { ...one, stamp: { ...one.stamp, log } }
}
