import { VivimError } from '../schema/errors.ts'
import type { Params } from '../schema/methods/index.ts'
import { givenRootKey } from './given-root-key.ts'
import type { AuthGateway } from './identity/auth-gateway.ts'
import { issueTombstone } from './identity/tombstone.ts'
import type { MasterService } from './master/master-service.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'
import { codeOf } from './users-at-start.ts'

export interface DeleteUserServices {
  readonly users: UserDatabaseManager
  readonly gateway: Pick<AuthGateway, 'endUser'>
  readonly master: Pick<MasterService, 'publish'>
  readonly now: () => number
}

/**
 * Removes a user from this node; `everywhere` ends the account too. What says so is kept for the master first: whatever a
 * crash leaves, the account ends.
 * @throws VivimError `InvalidParams`, `NotFound`; as `givenRootKey`
 */
export async function deleteUser(
  { users, gateway, master, now }: DeleteUserServices,
  { did, confirm, scope, recoveryPhrase, passphrase }: Params<'users.delete'>,
): Promise<void> {
  if (confirm !== did)
    throw new VivimError('InvalidParams', 'To delete a user, repeat their DID.', { field: 'confirm' })
  if (scope === 'everywhere') {
    if (!users.list().some((user) => user.did === did))
      throw new VivimError('NotFound', 'There is no such user on this node.')
    const rootKey = await givenRootKey(users, did, { recoveryPhrase, passphrase })
    await master.publish('tombstone', issueTombstone(rootKey, { did, at: now() }))
  }
  await removeUser({ users, gateway }, did)
}

/** The person ended the account on another device: they go from this node too. Never throws. */
export function removeEnded(
  services: Pick<DeleteUserServices, 'users' | 'gateway'>,
  did: string,
  log: { warn(details: object, message: string): void },
): void {
  if (!services.users.list().some((user) => user.did === did)) return
  log.warn({}, 'the account of a user was ended: they are removed here too')
  removeUser(services, did).catch((error) =>
    log.warn({ code: codeOf(error) }, 'a user whose account has ended is not removed'),
  )
}

/** Keys, database and sessions of a user on this node. @throws VivimError `NotFound` */
async function removeUser(
  { users, gateway }: Pick<DeleteUserServices, 'users' | 'gateway'>,
  did: string,
): Promise<void> {
  const deleted = users.deleteUserDatabase(did)
  gateway.endUser(did)
  await deleted
}
