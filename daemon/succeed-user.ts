import { VivimError } from '../schema/errors.ts'
import type { Params, Result } from '../schema/methods/index.ts'
import { carryOver } from './carry-over.ts'
import { type GivenRoot, givenRootKey, insistOnRoot } from './given-root-key.ts'
import { encodeDid } from './identity/did.ts'
import { publicKeyBytes } from './identity/ed25519.ts'
import { issueSuccession, readSuccession } from './identity/successor.ts'
import type { MasterService } from './master/master-service.ts'
import { issueConsent } from './peers/contact-proof.ts'
import type { PeersService } from './peers/peers-service.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'

export interface SucceedUserServices {
  readonly users: UserDatabaseManager
  readonly peers: Pick<PeersService, 'opened'>
  readonly master: Pick<MasterService, 'publish'>
  readonly now: () => number
}

/**
 * One user of this node goes on as another one, who gets what the vault shows before anything is signed. Done again it goes on where it was interrupted; what both root keys
 * signed first stands.
 * @throws VivimError `InvalidParams`, `NotFound`, `Unauthorized` for root keys of others and for who is locked,
 * `Conflict` when the old root key has another successor; as `givenRootKey`
 */
export async function succeedUser(
  services: SucceedUserServices,
  params: Params<'users.succeed'>,
): Promise<Result<'users.succeed'>> {
  const { users, peers, master, now } = services
  const { did, successor } = params
  if (did === successor)
    throw new VivimError('InvalidParams', 'That is one and the same user.', { field: 'successor' })
  for (const each of [did, successor])
    if (!users.list().some((user) => user.did === each))
      throw new VivimError('NotFound', 'There is no such user on this node.')
  const { recoveryPhrase, passphrase, successorPhrase, successorPassphrase } = params
  const newGiven = { recoveryPhrase: successorPhrase, passphrase: successorPassphrase }
  insistOnRoot(newGiven)
  const oldRoot = await rootKeyOf(users, did, { recoveryPhrase, passphrase })
  const newRoot = await rootKeyOf(users, successor, newGiven)
  const [before, after] = [await users.getClient(did), await users.getClient(successor)]
  const earlier = await before.replicate('lineage', { did })
  if (earlier.succeededBy !== null && earlier.succeededBy !== successor)
    throw goesOnElsewhere(earlier.succeededBy)

  const keys = await users.keysOf(successor)
  const carried = await carryOver(users, did, successor, async (other) => issueConsent(keys, other, now()))
  const signed = issueSuccession(oldRoot, newRoot, now())
  const stated = { ...readSuccession(signed)!, statement: signed }
  const { outcome } = await before.replicate('keepOwnSuccession', stated)
  if (outcome === 'refused' || outcome === 'second')
    throw new VivimError('Conflict', 'That would lead back to a root key that was replaced, or too far.')
  await after.replicate('keepOwnSuccession', stated)
  await master.publish('successor', signed)
  users.noteSucceeded(did)
  for (const each of [did, successor]) peers.opened(each)
  return { did, successor, at: stated.at, carried }
}

/** Who is locked is opened by the passphrase that opens the root key. */
async function rootKeyOf(users: UserDatabaseManager, did: string, given: GivenRoot) {
  const rootKey = await givenRootKey(users, did, given)
  if (encodeDid(publicKeyBytes(rootKey)) !== did)
    throw new VivimError('Unauthorized', 'That is the recovery phrase of somebody else.')
  if (given.passphrase !== undefined) await users.unlock(did, given.passphrase)
  return rootKey
}

function goesOnElsewhere(did: string): VivimError {
  return new VivimError(
    'Conflict',
    'That root key has a successor already; a second one would not be followed.',
    {
      field: 'successor',
      hint: `It is ${did}.`,
    },
  )
}
