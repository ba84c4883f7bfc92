import { LIMITS } from '../../schema/limits.ts'
import type { Acknowledgements } from './acknowledgements.ts'
import { mayHaveMissedFloor } from './away.ts'
import type { KnownFloor } from './floors.ts'
import type { OpenVault } from './open-vault.ts'
import { isClosedEarly } from './snapshot-backing.ts'

/** A proposal may be so far above the floor that was applied last: a number nobody can go beyond would end floors. */
const NUMBERS_AHEAD = 1_000
/** A device that was paired while others kept to a floor is not asked; ms. */
const JUST_PAIRED_MS = 24 * 3_600_000

/** The number a floor's key begins with; undefined for a key that no device gives. */
export function floorNumber(key: string, applied: string): number | undefined {
  const number = /^(\d{8})-[0-9a-f]{16}$/.exec(key)?.[1]
  const from = Number.parseInt(applied, 10) || 0
  return number !== undefined && Number(number) <= from + NUMBERS_AHEAD ? Number(number) : undefined
}

/**
 * Whether a device may keep to a floor that another one proposed: only if it is asked itself, or was away; if every
 * device that it counts on is asked; if no log ends whose device wrote lately; and if nothing is forgotten too early.
 * So no device alone, stolen or with a wrong clock, ends what others write.
 */
export function isBacked(vault: OpenVault, floor: KnownFloor, acknowledgements: Acknowledgements): boolean {
  const now = vault.now()
  const own = vault.logs.deviceOf(vault.ownLog).device
  const asks = (device: Uint8Array) => floor.devices.some((known) => Buffer.compare(known, device) === 0)
  if (floor.before > now - LIMITS.tombstoneMs + LIMITS.clockAheadMs) return false
  if (floor.positions.some((position) => isClosedEarly(vault, position))) return false
  if (!asks(own)) return mayHaveMissedFloor(vault, now)
  return acknowledgements
    .present(now)
    .every(({ device, knownSince }) => asks(device) || knownSince > now - JUST_PAIRED_MS)
}
