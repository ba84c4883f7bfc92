import type { KeyObject } from 'node:crypto'
import { type Cbor, encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { type MemberDocument, readMemberDocument } from './member-document.ts'
import { readSignedParts, signedParts } from './signed-statement.ts'

/** What a person says through one of their devices. */
export interface VouchedStatement {
  readonly member: MemberDocument
  /** Without the domain string and the person's DID. */
  readonly fields: readonly Cbor[]
}

/** Canonical CBOR [the signing device's member document, statement, signature]; the statement begins with its domain string and the DID. */
export function issueVouchedStatement(
  deviceKey: KeyObject,
  document: Uint8Array,
  domain: string,
  [did, ...fields]: readonly [did: string, ...Cbor[]],
): Uint8Array {
  return encodeCanonical([document, ...signedParts(deviceKey, domain, [did, ...fields])])
}

/** Undefined unless a device of the DID that it names signed it, and it has as many fields beside the DID. */
export function readVouchedStatement(
  bytes: Uint8Array,
  domain: string,
  length: number,
): VouchedStatement | undefined {
  const [document, ...parts] = tryDecodeArray(bytes) ?? []
  if (!(document instanceof Uint8Array) || parts.length !== 2) return undefined
  const member = readMemberDocument(document)
  const statement = readSignedParts(parts, domain, length + 1)
  const [did, ...fields] = statement?.fields ?? []
  if (!member || did !== member.did || !statement?.isSignedBy(member.device)) return undefined
  return { member, fields }
}
