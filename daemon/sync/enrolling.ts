import { VivimError } from '../../schema/errors.ts'
import type { KnownDevices } from './known-devices.ts'
import type { UserSyncOptions } from './user-sync-options.ts'

/** @throws VivimError `Conflict` while nobody can be let in: two versions of the log, or this device is out */
export function insistOnEnrolling(devices: KnownDevices, deviceDid: string, forked: boolean): void {
  if (devices.excludes(deviceDid))
    throw new VivimError('Conflict', 'This device was taken out of your devices.')
  if (forked)
    throw new VivimError('Conflict', 'There are two versions of the list of your devices: none is let in.', {
      hint: '`vivimd device log` shows both, `vivimd device resolve` settles on one. Somebody else may have your recovery phrase.',
    })
}

/** @throws VivimError `Conflict` when a resolution changed nothing here */
export function insistOnResolved(forked: boolean): void {
  if (!forked) return
  throw new VivimError(
    'Conflict',
    'The versions stay two: another resolution, or a device that came later.',
    {
      hint: 'Only a device that you had before the versions parted can settle it. With two resolutions nobody can: begin with a new identity.',
    },
  )
}

export function reportFork({ count, log }: Pick<UserSyncOptions, 'count' | 'log'>): void {
  count('sync.membership.forks')
  log.warn({}, 'the root key of a user signed two versions of the list of their devices')
}
