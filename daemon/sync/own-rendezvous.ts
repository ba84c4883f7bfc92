import { VivimError } from '../../schema/errors.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { Network } from '../network/network.ts'
import { sealRendezvous } from './rendezvous.ts'

/** Where this node is reached now, sealed for the other devices of a user. */
export function ownRendezvous(network: Network, { epochs }: Pick<UserKeys, 'epochs'>): Uint8Array {
  const epoch = epochs.at(-1)
  if (!epoch) throw new VivimError('Corrupt', 'A user without an epoch key.')
  return sealRendezvous(epoch, { peerId: network.peerId, addresses: network.multiaddrs() })
}
