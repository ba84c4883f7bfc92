import type { LogFloor } from '../../crdt/floor.ts'
import type { ClockState } from '../../crdt/hlc.ts'
import { decodeOperation } from '../../crdt/operation.ts'
import type { SnapshotHeader } from '../../crdt/snapshot.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { mayHaveMissedFloor } from './away.ts'
import { lacksOperations } from './let-go.ts'
import type { OpenVault } from './open-vault.ts'

/**
 * What one other device says is no reason to let go of what is here: its key may be stolen. A vault begins again only
 * if it was away itself, only where the logs it has agree, and never loses what is too young to have been forgotten.
 * @throws VivimError `Forbidden` when what this vault saw itself speaks against that floor
 */
export function insistOnFloor(vault: OpenVault, header: SnapshotHeader): void {
  if (!mayHaveMissedFloor(vault, vault.now()) && !lacksOperations(vault))
    throw refused('This device was in step with others lately: no peer has it begin again.')
  for (const position of header.positions) {
    const log = vault.logs.find(vault.space, position)
    const hash = log && position.sequence <= log.head_seq && vault.hashAt(log.ref, position.sequence)
    if (hash && Buffer.compare(hash, position.hash) !== 0)
      throw refused('A peer sent a snapshot of another history than the one that is here.')
  }
  const early = header.positions.find((position) => isClosedEarly(vault, position))
  if (early) throw refused('A peer would have a log end whose device wrote lately.')
}

/** A log may end only where its device was not heard of for as long as it may be away, or was taken out. */
export function isClosedEarly(vault: OpenVault, { closed, ...position }: LogFloor): boolean {
  const { logs, space, authority, floorPositions } = vault
  const log = closed ? logs.find(space, position) : undefined
  if (!log || authority.isTakenOut(log.device)) return false
  const end = floorPositions.closedAt(log.ref)
  if (end !== undefined && end <= position.sequence) return false
  const last = stampAt(vault, log.ref, position.sequence)
  return last !== undefined && last.ms > vault.now() - LIMITS.deviceAwayMs
}

/** The stamp of the last operation up to a sequence that has one. */
export function stampAt(vault: OpenVault, log: number, upTo: number): ClockState | undefined {
  const row = vault.get<{ body: Uint8Array }>(
    'SELECT body FROM sync_operations WHERE log = ? AND seq <= ? AND body IS NOT NULL ORDER BY seq DESC LIMIT 1',
    [log, upTo],
  )
  return row && decodeOperation(row.body).hlc
}

export function refused(what: string): VivimError {
  return new VivimError('Forbidden', what, {
    hint: 'If that device was lost, take it out: vivimd device revoke.',
  })
}
