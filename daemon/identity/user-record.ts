import type { KeyObject } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { sign, verify } from './ed25519.ts'
import { readMemberDocument } from './member-document.ts'

const DOMAIN = 'vivimd/user-record/1'
const NAME_CHARACTERS = 200

/** What a person lets others know of themselves, signed by one of their devices. */
export interface UserRecord {
  readonly did: string
  readonly displayName: string | null
  /** Of two records the higher sequence counts; milliseconds UTC of when it was made. */
  readonly sequence: number
}

/** Canonical CBOR [the signing device's member document, statement, signature]. */
export function issueUserRecord(
  deviceKey: KeyObject,
  document: Uint8Array,
  { did, displayName, sequence }: UserRecord,
): Uint8Array {
  const statement = encodeCanonical([DOMAIN, did, displayName, sequence])
  return encodeCanonical([document, statement, sign(deviceKey, statement)])
}

/** The record, or undefined unless a device of that DID signed it. */
export function readUserRecord(bytes: Uint8Array): UserRecord | undefined {
  const outer = tryDecodeArray(bytes)
  if (outer?.length !== 3 || !outer.every((part) => part instanceof Uint8Array)) return undefined
  const [document, statement, signature] = outer as Uint8Array[]
  const member = readMemberDocument(document!)
  const fields = tryDecodeArray(statement!)
  if (!member || fields?.length !== 4 || fields[0] !== DOMAIN || fields[1] !== member.did) return undefined
  const [, , displayName, sequence] = fields
  if (displayName !== null && (typeof displayName !== 'string' || displayName.length > NAME_CHARACTERS))
    return undefined
  if (typeof sequence !== 'number' || !Number.isSafeInteger(sequence) || sequence < 0) return undefined
  if (!verify(member.device, statement!, signature!)) return undefined
  return { did: member.did, displayName: displayName as string | null, sequence }
}
