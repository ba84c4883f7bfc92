import { hash } from 'node:crypto'
import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'
import { sha256 } from '../../crdt/hash.ts'
import { hex } from '../../crdt/membership.ts'
import { readMembershipEntry } from '../../crdt/membership-entry.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { readConnectionRecord } from '../identity/connection-record.ts'
import { isDid } from '../identity/did.ts'
import { readMemberDocument } from '../identity/member-document.ts'
import { rootVerifier } from '../identity/member-reader.ts'
import { readPalette } from '../identity/palette-record.ts'
import { readProviderStats } from '../identity/provider-stats.ts'
import { readSealedRecord } from '../identity/sealed-record.ts'
import { readSuccession } from '../identity/successor.ts'
import { readTombstone } from '../identity/tombstone.ts'
import { readUserRecord } from '../identity/user-record.ts'
import { leafHash } from './log/merkle-tree.ts'

/**
 * What a registry keeps: who a person is, a device's member document, an entry of a DID log, what is sealed for the
 * person's devices, what a node counts, the palette of the instance, that an account has ended, whose root key took
 * the place of theirs, and one person's half of a connection to another one, which is served to these two alone.
 */
export const RECORD_KINDS = [
  'user',
  'device',
  'entry',
  'sealed',
  'stats',
  'palette',
  'tombstone',
  'successor',
  'connection',
] as const
export type RecordKind = (typeof RECORD_KINDS)[number]

export interface SignedRecord {
  readonly kind: RecordKind
  readonly bytes: Uint8Array
}

/** A record whose signatures hold. */
export interface CheckedRecord extends SignedRecord {
  /** Whom it is about. */
  readonly did: string
  /** What of them: of two records with the same kind, DID and subject the higher sequence counts. */
  readonly subject: string
  readonly sequence: number
}

type About = Pick<CheckedRecord, 'did' | 'subject' | 'sequence'>

const READERS: Record<RecordKind, (bytes: Uint8Array) => About | undefined> = {
  user: (bytes) => {
    const record = readUserRecord(bytes)
    return record && { did: record.did, subject: '', sequence: record.sequence }
  },
  device: (bytes) => {
    const document = readMemberDocument(bytes)
    return document && { did: document.did, subject: document.deviceDid, sequence: document.sequence }
  },
  entry: (bytes) => {
    const did = ownerOfEntry(bytes)
    const entry = did === undefined ? undefined : readMembershipEntry(bytes, did, rootVerifier(did))
    return entry && { did: entry.did, subject: hex(entry.hash), sequence: entry.number }
  },
  sealed: (bytes) => {
    const record = readSealedRecord(bytes)
    return record && { did: record.did, subject: hex(sha256(record.payload)), sequence: 0 }
  },
  stats: (bytes) => {
    const stats = readProviderStats(bytes)
    return stats && { did: stats.did, subject: '', sequence: stats.sequence }
  },
  palette: (bytes) => {
    const palette = readPalette(bytes)
    return palette && { did: palette.did, subject: '', sequence: palette.sequence }
  },
  tombstone: (bytes) => {
    const tombstone = readTombstone(bytes)
    return tombstone && { did: tombstone.did, subject: '', sequence: 0 }
  },
  successor: (bytes) => {
    const stated = readSuccession(bytes)
    return stated && { did: stated.predecessor, subject: stated.successor, sequence: 0 }
  },
  connection: (bytes) => {
    const record = readConnectionRecord(bytes)
    return record && { did: record.from, subject: record.to, sequence: record.sequence }
  },
}

/** Undefined unless whoever it is about signed it, or a device of theirs. */
export function readRecord({ kind, bytes }: SignedRecord): CheckedRecord | undefined {
  if (bytes.length > LIMITS.registryRecordBytes) return undefined
  const about = READERS[kind](bytes)
  return about && { kind, bytes, ...about }
}

/** @throws VivimError `TooLarge`, `InvalidParams` as `readRecord` */
export function checkedRecord(record: SignedRecord): CheckedRecord {
  if (record.bytes.length > LIMITS.registryRecordBytes)
    throw new VivimError('TooLarge', `A record has at most ${LIMITS.registryRecordBytes} bytes.`, {
      field: 'record',
    })
  const checked = readRecord(record)
  if (checked) return checked
  throw new VivimError('InvalidParams', 'The record is not what that person or a device of theirs signed.', {
    field: 'record',
  })
}

/** One short name for what a record is about: `user-<hash>`. */
export function recordName({ kind, did, subject }: Omit<CheckedRecord, 'sequence' | 'bytes'>): string {
  return `${kind}-${hash('sha256', `${did} ${subject}`, 'hex')}`
}

/** What the log of a registry holds of a record. */
export function leafOf({ kind, bytes }: SignedRecord): Uint8Array {
  return leafHash(encodeCanonical(['vivim/registry-leaf/1', kind, sha256(bytes)]))
}

function ownerOfEntry(bytes: Uint8Array): string | undefined {
  const statement = tryDecodeArray(bytes)?.[0]
  const did = statement instanceof Uint8Array ? tryDecodeArray(statement)?.[1] : undefined
  return typeof did === 'string' && isDid(did) ? did : undefined
}
