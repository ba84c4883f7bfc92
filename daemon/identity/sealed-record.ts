import type { KeyObject } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { sign, verify } from './ed25519.ts'
import { readMemberDocument } from './member-document.ts'

const DOMAIN = 'vivimd/sealed-record/1'

/** What only the person's devices can use: sealed cut-offs, a wrapped key. A device vouches that it is theirs. */
export interface SealedRecord {
  readonly did: string
  /** The device that vouches. */
  readonly deviceDid: string
  readonly payload: Uint8Array
}

/** Canonical CBOR [the signing device's member document, statement, signature]. */
export function issueSealedRecord(
  deviceKey: KeyObject,
  document: Uint8Array,
  { did, payload }: Pick<SealedRecord, 'did' | 'payload'>,
): Uint8Array {
  const statement = encodeCanonical([DOMAIN, did, payload])
  return encodeCanonical([document, statement, sign(deviceKey, statement)])
}

/** The record, or undefined unless a device of that DID signed it. */
export function readSealedRecord(bytes: Uint8Array): SealedRecord | undefined {
  const outer = tryDecodeArray(bytes)
  if (outer?.length !== 3 || !outer.every((part) => part instanceof Uint8Array)) return undefined
  const [document, statement, signature] = outer as Uint8Array[]
  const member = readMemberDocument(document!)
  const fields = tryDecodeArray(statement!)
  if (!member || fields?.length !== 3 || fields[0] !== DOMAIN || fields[1] !== member.did) return undefined
  const payload = fields[2]
  if (!(payload instanceof Uint8Array) || !verify(member.device, statement!, signature!)) return undefined
  return { did: member.did, deviceDid: member.deviceDid, payload }
}
