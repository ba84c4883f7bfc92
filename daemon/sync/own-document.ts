import { isSameChain } from '../identity/certificate-life.ts'
import { issueMemberDocument, type MemberDocument } from '../identity/member-document.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { Network } from '../network/network.ts'
import { ownRendezvous } from './own-rendezvous.ts'

/** A new document of this device; undefined while it is reached, and certified, as the one before says. */
export function newDocument(
  keys: UserKeys,
  network: Network,
  before: MemberDocument | undefined,
  now: number,
): Uint8Array | undefined {
  const { did, deviceDid, deviceKey, chain, receiveKey } = keys
  const rendezvous = ownRendezvous(network, keys)
  const isThere = before && Buffer.compare(before.rendezvous, rendezvous) === 0
  if (isThere && isSameChain(before.chain, chain)) return undefined
  const sequence = Math.max(now, (before?.sequence ?? 0) + 1)
  return issueMemberDocument(deviceKey, { did, deviceDid, chain, sequence, receiveKey, rendezvous })
}
