import { MembershipLog } from '../../crdt/membership.ts'
import { readMembershipEntry } from '../../crdt/membership-entry.ts'
import { rootVerifier } from './member-reader.ts'

/** The DID log among the documents that devices hand each other. */
export function membershipLogIn(documents: readonly Uint8Array[], did: string): MembershipLog {
  const verifyRoot = rootVerifier(did)
  return new MembershipLog(
    documents.flatMap((document) => readMembershipEntry(document, did, verifyRoot) ?? []),
  )
}
