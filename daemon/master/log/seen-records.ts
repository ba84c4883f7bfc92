import { hex } from '../../../crdt/membership.ts'
import { readMemberDocument } from '../../identity/member-document.ts'
import { isEnded } from '../ended-accounts.ts'
import { type CheckedRecord, recordName } from '../record-kinds.ts'
import { entriesIn, isTakenOut, signerOf } from '../revoked-signers.ts'
import type { FindingKind } from './findings.ts'
import { pairName } from './seen-connections.ts'

/** What a reader remembers a record by: of who the person is also which device said it. */
export function seenName(record: CheckedRecord): string {
  if (record.kind === 'connection') return pairName(record.did, record.subject)
  const signer = record.kind === 'user' ? signerOf(record) : undefined
  return signer ? `${recordName(record)}.${hex(signer.device)}` : recordName(record)
}

/**
 * What of that is missing in an answer, or older there. Words of a device that the answer takes out may have given way to
 * those of another one with a lower sequence.
 */
export function missedIn(
  seen: ReadonlyMap<string, number>,
  records: readonly CheckedRecord[],
): Set<FindingKind> {
  const wrong = new Set<FindingKind>()
  // What the root key ended is gone by right.
  if (isEnded(records)) return wrong
  const found = new Map(records.map((record) => [recordName(record), record.sequence]))
  let takenOut: ReadonlySet<string> | undefined
  for (const [name, sequence] of seen) {
    const [subject = name, signer] = name.split('.')
    const present = found.get(subject)
    if (present !== undefined && present >= sequence) continue
    takenOut ??= devicesTakenOut(records)
    if (present === undefined) wrong.add('dropped')
    else if (signer === undefined || !takenOut.has(signer)) wrong.add('replayed')
  }
  return wrong
}

function devicesTakenOut(records: readonly CheckedRecord[]): ReadonlySet<string> {
  const entries = entriesIn(records)
  const documents = records.flatMap((record) =>
    record.kind === 'device' ? (readMemberDocument(record.bytes) ?? []) : [],
  )
  return new Set(
    documents.filter((document) => isTakenOut(document, entries)).map(({ device }) => hex(device)),
  )
}
