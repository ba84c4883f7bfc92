import { issueMemberDocument } from './member-document.ts'
import type { UserKeys } from './user-keys.ts'

/**
 * Who a device is, without saying where. Whoever gets it could publish it: of sequence 0 it stands behind every document
 * that says where the device is.
 */
export function documentBehind(keys: UserKeys): Uint8Array {
  const { did, deviceDid, deviceKey, chain, receiveKey } = keys
  const record = { did, deviceDid, chain, receiveKey, sequence: 0, rendezvous: new Uint8Array(0) }
  return issueMemberDocument(deviceKey, record)
}
