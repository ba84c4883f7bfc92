import { exclusionOf } from '../../crdt/authority.ts'
import { tryDecodeArray } from '../../crdt/cbor.ts'
import { issuersIn } from '../identity/device-certificate.ts'
import { type MemberDocument, readMemberDocument } from '../identity/member-document.ts'
import { membershipLogIn } from '../identity/membership-log-in.ts'
import type { SignedRecord } from './record-kinds.ts'
import type { RegistryEntry } from './registry.ts'

/** The device that vouches for a record; undefined for what the root key, or a node, signed. */
export function signerOf({ kind, bytes }: SignedRecord): MemberDocument | undefined {
  if (kind !== 'device' && kind !== 'user' && kind !== 'sealed' && kind !== 'connection') return undefined
  const document = kind === 'device' ? bytes : tryDecodeArray(bytes)?.[0]
  return document instanceof Uint8Array ? readMemberDocument(document) : undefined
}

/**
 * Whether a DID log takes the device out: by name, or because one that certified it was taken out and the log does not
 * let it in itself. Devices decide alike (`exclusionOf`).
 */
export function isTakenOut(
  { did, device, chain }: Pick<MemberDocument, 'did' | 'device' | 'chain'>,
  entries: readonly Uint8Array[],
): boolean {
  if (entries.length === 0) return false
  const log = membershipLogIn(entries, did)
  return exclusionOf({ log, cutOffs: new Map(), issuersOf: () => issuersIn(chain) }, device) !== undefined
}

/** An answer without who the person is, when a device says so that the same answer takes out. */
export function withoutLapsedUser(entry: RegistryEntry): RegistryEntry {
  const { user, ...rest } = entry
  const signer = user && signerOf({ kind: 'user', bytes: user })
  return signer && isTakenOut(signer, entriesIn(entry.records)) ? rest : entry
}

/** The entries of a DID log among records. */
export function entriesIn(records: readonly SignedRecord[]): Uint8Array[] {
  return records.filter(({ kind }) => kind === 'entry').map(({ bytes }) => bytes)
}
