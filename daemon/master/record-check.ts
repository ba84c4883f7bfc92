import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { type MemberDocument, readMemberDocument } from '../identity/member-document.ts'
import { readUserRecord, type UserRecord } from '../identity/user-record.ts'
import type { RegistryEntry } from './registry.ts'

/** @throws VivimError `TooLarge`, `InvalidParams` unless a device of that person signed it */
export function checkedUserRecord(bytes: Uint8Array): UserRecord {
  return checked(bytes, readUserRecord, 'record')
}

/** @throws VivimError `TooLarge`, `InvalidParams` unless its device signed it and its chain holds */
export function checkedMemberDocument(bytes: Uint8Array): MemberDocument {
  return checked(bytes, readMemberDocument, 'document')
}

/** What of an answer about a DID holds; of two documents of one device the newer. Undefined when nothing does. */
export function believable({ did, user, devices }: RegistryEntry): RegistryEntry | undefined {
  const newest = new Map<string, { sequence: number; bytes: Uint8Array }>()
  for (const bytes of devices) {
    const document = readMemberDocument(bytes)
    if (document?.did !== did) continue
    const { deviceDid, sequence } = document
    if ((newest.get(deviceDid)?.sequence ?? -1) < sequence) newest.set(deviceDid, { sequence, bytes })
  }
  const isTheirs = user !== undefined && readUserRecord(user)?.did === did
  if (!isTheirs && newest.size === 0) return undefined
  return { did, devices: [...newest.values()].map(({ bytes }) => bytes), ...(isTheirs ? { user } : {}) }
}

function checked<T>(bytes: Uint8Array, read: (bytes: Uint8Array) => T | undefined, field: string): T {
  if (bytes.length > LIMITS.registryRecordBytes)
    throw new VivimError('TooLarge', `A ${field} has at most ${LIMITS.registryRecordBytes} bytes.`, { field })
  const value = read(bytes)
  if (value === undefined)
    throw new VivimError('InvalidParams', `The ${field} is not what a device of that person signed.`, {
      field,
    })
  return value
}
