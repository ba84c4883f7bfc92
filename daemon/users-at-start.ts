import { VivimError } from '../schema/errors.ts'
import type { UserKeys } from './identity/user-keys.ts'
import type { LifecycleLog } from './lifecycle.ts'
import type { Registration } from './master/registration.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'

/** Users who open without a passphrase and have other devices are looked after from the start. */
export async function keepAllInStep(
  users: UserDatabaseManager,
  keepInStep: (keys: UserKeys) => Promise<void>,
  log: LifecycleLog,
): Promise<void> {
  for (const did of users.sharedUsers()) {
    try {
      await keepInStep(await users.keysOf(did))
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'a user is not looked after before they sign in')
    }
  }
}

/** Users who open without a passphrase are registered at each start: their addresses may be others by now. */
export async function registerAll(
  users: UserDatabaseManager,
  registration: Registration,
  log: LifecycleLog,
): Promise<void> {
  for (const { did, displayName, unattended } of users.list()) {
    if (!unattended) continue
    try {
      registration.register(await users.keysOf(did), displayName)
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'a user cannot be registered')
    }
  }
}

export function codeOf(error: unknown): string {
  return error instanceof VivimError ? error.code : 'Internal'
}
