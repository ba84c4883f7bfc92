import { VivimError } from '../../schema/errors.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { Random } from '../identity/key-wrapping.ts'
import { Keystore, type PairedUser } from '../identity/keystore.ts'
import { phraseOfSeed, seedOfPhrase } from '../identity/recovery.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import { UserFolder } from './user-folder.ts'

export interface CreateUserServices {
  readonly keystore: Keystore
  readonly usersFolder: string
  readonly random: Random
  /** Makes the database and closes it again. Absent: the first use of the node makes it. */
  readonly createDatabase?: (keys: UserKeys) => Promise<void>
}

/**
 * Makes a user, or restores one from their phrase as a new device. In the order keys, database, `ready`: a crash
 * before the last leaves something that `sweep` removes.
 * @throws VivimError `Conflict` when this node has that user, `InvalidParams`, `StorageFull`
 */
export async function createUser(
  services: CreateUserServices,
  { displayName, passphrase, unattended = passphrase === undefined, recoveryPhrase }: Params<'users.create'>,
): Promise<Result<'users.create'>> {
  if (!unattended && passphrase === undefined)
    throw new VivimError('InvalidParams', 'A user who is not unattended needs a passphrase.', {
      field: 'passphrase',
    })
  const rootSeed = recoveryPhrase === undefined ? services.random(32) : seedOfPhrase(recoveryPhrase)
  const { did, deviceDid } = await makeUser(services, () =>
    services.keystore.create({ rootSeed, displayName: displayName ?? null, passphrase, unattended }),
  )
  return { did, deviceDid, recoveryPhrase: phraseOfSeed(rootSeed) }
}

/**
 * Makes a user from what another device of theirs handed over. Whole or not at all, as `createUser`.
 * @throws VivimError `Conflict` when this node has that user, `Corrupt`, `StorageFull`
 */
export function createPairedUser(services: CreateUserServices, user: PairedUser): Promise<UserKeys> {
  return makeUser(services, () => services.keystore.createPaired(user))
}

async function makeUser(
  { keystore, usersFolder, createDatabase }: CreateUserServices,
  makeKeys: () => Promise<UserKeys>,
): Promise<UserKeys> {
  const keys = await makeKeys()
  const { did } = keys
  const folder = UserFolder.of(usersFolder, did)
  try {
    folder.make()
    await createDatabase?.(keys)
    keystore.finish(did)
  } catch (error) {
    keystore.beginDelete(did)
    folder.remove()
    keystore.remove(did)
    throw error
  }
  return keys
}

/** The same with no node running. Only for the holder of the data-directory lock. */
export function createUserOffline(
  node: { keysFolder: string; usersFolder: string; now: () => number; random: Random },
  params: Params<'users.create'>,
): Promise<Result<'users.create'>> {
  const { keysFolder, usersFolder, now, random } = node
  return createUser(
    { keystore: new Keystore({ folder: keysFolder, now, random }), usersFolder, random },
    params,
  )
}
