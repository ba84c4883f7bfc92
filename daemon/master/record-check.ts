import { type CheckedRecord, readRecord, recordName, type SignedRecord } from './record-kinds.ts'
import type { RegistryEntry } from './registry.ts'

/** An entry as a list of records. */
export function recordsIn({ user, devices, records }: RegistryEntry): SignedRecord[] {
  return [
    ...(user === undefined ? [] : [{ kind: 'user', bytes: user } as const]),
    ...devices.map((bytes) => ({ kind: 'device', bytes }) as const),
    ...records,
  ]
}

/** Records of an answer that are signed, and by or for that person; of two with one subject the newer. */
export function believableRecords(did: string, answer: readonly SignedRecord[]): CheckedRecord[] {
  const newest = new Map<string, CheckedRecord>()
  for (const each of answer) {
    const record = readRecord(each)
    if (record?.did !== did) continue
    const name = recordName(record)
    if ((newest.get(name)?.sequence ?? -1) < record.sequence) newest.set(name, record)
  }
  return [...newest.values()]
}

/** What of an answer about a DID holds. Undefined when nothing does. */
export function believable(entry: RegistryEntry): RegistryEntry | undefined {
  const kept = believableRecords(entry.did, recordsIn(entry))
  if (kept.length === 0) return undefined
  const user = kept.find(({ kind }) => kind === 'user')
  return {
    did: entry.did,
    devices: kept.filter(({ kind }) => kind === 'device').map(({ bytes }) => bytes),
    records: kept
      .filter(({ kind }) => kind !== 'user' && kind !== 'device')
      .map(({ kind, bytes }) => ({ kind, bytes })),
    ...(user ? { user: user.bytes } : {}),
  }
}
