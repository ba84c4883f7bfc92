import type { KeyObject } from 'node:crypto'
import { VivimError } from '../schema/errors.ts'
import { privateKeyOfSeed } from './identity/ed25519.ts'
import { seedOfPhrase } from './identity/recovery.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'

/** What a person opens their root key with: one of the two. */
export interface GivenRoot {
  readonly recoveryPhrase?: string | undefined
  readonly passphrase?: string | undefined
}

/** @throws VivimError `InvalidParams` without phrase and passphrase, and for both */
export function insistOnRoot({ recoveryPhrase, passphrase }: GivenRoot): void {
  if ((recoveryPhrase === undefined) !== (passphrase === undefined)) return
  throw new VivimError(
    'InvalidParams',
    'The root key signs this: give the recovery phrase, or the passphrase.',
    { field: 'recoveryPhrase' },
  )
}

/** @throws as `insistOnRoot`, `seedOfPhrase` and `UserDatabaseManager.rootKeyOf` */
export async function givenRootKey(
  users: Pick<UserDatabaseManager, 'rootKeyOf'>,
  did: string,
  given: GivenRoot,
): Promise<KeyObject> {
  insistOnRoot(given)
  const { recoveryPhrase, passphrase } = given
  return recoveryPhrase === undefined
    ? users.rootKeyOf(did, passphrase!)
    : privateKeyOfSeed(seedOfPhrase(recoveryPhrase))
}
