import type { KeyObject } from 'node:crypto'
import { isCount } from './signed-statement.ts'
import { issueVouchedStatement, readVouchedStatement } from './vouched-statement.ts'

const DOMAIN = 'vivimd/user-record/1'
const NAME_CHARACTERS = 200

/** What a person lets others know of themselves, signed by one of their devices. */
export interface UserRecord {
  readonly did: string
  readonly displayName: string | null
  /** Of two records the higher sequence counts; milliseconds UTC of when it was made. */
  readonly sequence: number
}

/** @param document the signing device's */
export function issueUserRecord(
  deviceKey: KeyObject,
  document: Uint8Array,
  { did, displayName, sequence }: UserRecord,
): Uint8Array {
  return issueVouchedStatement(deviceKey, document, DOMAIN, [did, displayName, sequence])
}

/** The record, or undefined unless a device of that DID signed it. */
export function readUserRecord(bytes: Uint8Array): UserRecord | undefined {
  const statement = readVouchedStatement(bytes, DOMAIN, 2)
  if (!statement) return undefined
  const [displayName, sequence] = statement.fields
  if (displayName !== null && (typeof displayName !== 'string' || displayName.length > NAME_CHARACTERS))
    return undefined
  return isCount(sequence) ? { did: statement.member.did, displayName, sequence } : undefined
}
