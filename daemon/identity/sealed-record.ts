import type { KeyObject } from 'node:crypto'
import { issueVouchedStatement, readVouchedStatement } from './vouched-statement.ts'

const DOMAIN = 'vivimd/sealed-record/1'

/** What only the person's devices can use: sealed cut-offs, a wrapped key. A device vouches that it is theirs. */
export interface SealedRecord {
  readonly did: string
  /** The device that vouches. */
  readonly deviceDid: string
  readonly payload: Uint8Array
}

/** @param document the signing device's */
export function issueSealedRecord(
  deviceKey: KeyObject,
  document: Uint8Array,
  { did, payload }: Pick<SealedRecord, 'did' | 'payload'>,
): Uint8Array {
  return issueVouchedStatement(deviceKey, document, DOMAIN, [did, payload])
}

/** The record, or undefined unless a device of that DID signed it. */
export function readSealedRecord(bytes: Uint8Array): SealedRecord | undefined {
  const statement = readVouchedStatement(bytes, DOMAIN, 1)
  const [payload] = statement?.fields ?? []
  if (!statement || !(payload instanceof Uint8Array)) return undefined
  const { did, deviceDid } = statement.member
  return { did, deviceDid, payload }
}
