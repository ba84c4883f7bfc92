import { VivimError } from '../../schema/errors.ts'
import type { KnownDevices } from './known-devices.ts'
import type { UserSyncOptions } from './user-sync-options.ts'

/** @throws VivimError `Conflict` while nobody can be let in: two versions of the log, or this device is out */
export function insistOnEnrolling(devices: KnownDevices, deviceDid: string, forked: boolean): void {
  if (devices.excludes(deviceDid))
    throw new VivimError('Conflict', 'This device was taken out of your devices.')
  if (forked)
    throw new VivimError('Conflict', 'There are two versions of the list of your devices: none is let in.', {
      hint: '`vivimd sync` shows where they part. Somebody else may have your recovery phrase.',
    })
}

export function reportFork({ count, log }: Pick<UserSyncOptions, 'count' | 'log'>): void {
  count('sync.membership.forks')
  log.warn({}, 'the root key of a user signed two versions of the list of their devices')
}
