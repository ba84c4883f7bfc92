import { hex, MembershipLog } from '../../crdt/membership.ts'
import { readMembershipEntry } from '../../crdt/membership-entry.ts'
import { issuersIn } from '../identity/device-certificate.ts'
import type { MemberDocument } from '../identity/member-document.ts'
import { rootVerifier } from '../identity/member-reader.ts'
import type { RegistryEntry } from '../master/registry.ts'

/** Whether the DID log, as far as a registry shows it, takes this device out, or one that let it in. */
export function isRevoked(
  document: MemberDocument,
  entry: Pick<RegistryEntry, 'records'> | undefined,
): boolean {
  const verifyRoot = rootVerifier(document.did)
  const entries = (entry?.records ?? []).flatMap(({ kind, bytes }) =>
    kind === 'entry' ? (readMembershipEntry(bytes, document.did, verifyRoot) ?? []) : [],
  )
  const { revoked, admitted } = new MembershipLog(entries).whole
  if (revoked.has(hex(document.device))) return true
  const letInByRevoked = issuersIn(document.chain).some((issuer) => revoked.has(hex(issuer)))
  return letInByRevoked && !admitted.has(hex(document.device))
}
