import { decodeSnapshot, snapshotRoot } from '../../crdt/snapshot.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { FloorState } from './floors.ts'
import type { OpenVault } from './open-vault.ts'
import { Snapshots } from './snapshots.ts'

/** Makes a snapshot and says what it is, and where the past ends. */
export function describeSnapshot(vault: OpenVault, floor: FloorState | undefined): Result<'sync.snapshot'> {
  const snapshots = new Snapshots(vault)
  const { header } = decodeSnapshot(snapshots.make())
  const root = snapshotRoot(header)
  const made = snapshots.list().find((known) => Buffer.compare(known.root, root) === 0)
  return {
    root: Buffer.from(root).toString('hex'),
    chunks: header.chunks.length,
    madeAt: made?.madeAt ?? vault.now(),
    floor: floor
      ? {
          key: floor.key,
          before: floor.before,
          accepted: floor.accepted,
          devices: floor.devices.length,
          holds: floor.holds,
        }
      : null,
  }
}
