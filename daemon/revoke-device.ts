import { VivimError } from '../schema/errors.ts'
import type { Params, Result } from '../schema/methods/index.ts'
import { ownCall } from './device-names.ts'
import { givenRootKey, insistOnRoot } from './given-root-key.ts'
import type { SyncService } from './sync/sync-service.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'

/**
 * Takes one of a person's devices out, with the root key they give, and says what it could read.
 * @throws VivimError `InvalidParams` without phrase and passphrase, and for the device this is; as `SyncService.revoke`
 */
export async function revokeDevice(
  {
    users,
    sync,
    now,
  }: {
    readonly users: UserDatabaseManager
    readonly sync: Pick<SyncService, 'revoke'>
    readonly now: () => number
  },
  did: string,
  { device: named, recoveryPhrase, passphrase }: Params<'devices.revoke'>,
): Promise<Result<'devices.revoke'>> {
  insistOnRoot({ recoveryPhrase, passphrase })
  const client = await users.getClient(did)
  const { items } = await client.call('devices.list', {}, ownCall())
  const device = items.find(({ deviceDid, name }) => deviceDid === named || name === named)
  if (!device)
    throw new VivimError('NotFound', 'There is no such device.', {
      field: 'device',
      hint: '`vivimd device list` shows yours.',
    })
  if (device.thisDevice)
    throw new VivimError('InvalidParams', 'A device cannot take itself out: do it on another one.', {
      field: 'device',
    })
  const rootKey = await givenRootKey(users, did, { recoveryPhrase, passphrase })
  const { conversations, messages } = await client.call('conversations.stats', {}, ownCall())
  const revokedAt = now()
  const { epoch, wrappedFor, admitted } = await sync.revoke(did, rootKey, device.deviceDid)
  return {
    deviceDid: device.deviceDid,
    name: device.name,
    revokedAt,
    epoch,
    remaining: [...wrappedFor],
    admitted: [...admitted],
    couldRead: { conversations, messages, behind: device.behind ?? 0, lastSeenAt: device.lastSeenAt },
  }
}
