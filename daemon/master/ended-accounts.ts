import { VivimError } from '../../schema/errors.ts'
import type { Query } from './database.ts'
import type { CheckedRecord, SignedRecord } from './record-kinds.ts'

/** What the root key signed stays: it is public, and says that the account has ended. */
const WITHDRAW = [
  'DELETE FROM users WHERE did = $1',
  'DELETE FROM devices WHERE did = $1',
  "DELETE FROM signed_records WHERE did = $1 AND kind = 'sealed'",
  'DELETE FROM peer_connections WHERE from_did = $1 OR to_did = $1',
]

/** Takes back what is registered of a person whose account has ended. */
export async function withdraw(query: Query, did: string): Promise<void> {
  for (const sql of WITHDRAW) await query(sql, [did])
}

/** @throws VivimError `Forbidden` for what a device signs after the account of its person has ended */
export async function insistOnAccount(query: Query, { did, kind }: CheckedRecord): Promise<void> {
  if (kind !== 'user' && kind !== 'device' && kind !== 'sealed' && kind !== 'connection') return
  const sql = "SELECT 1 FROM signed_records WHERE did = $1 AND kind = 'tombstone'"
  if ((await query(sql, [did])).rows.length === 0) return
  throw new VivimError('Forbidden', 'That account has ended.', { field: 'record' })
}

/** Whether the root key ended the account that these records, which were checked, are about. */
export function isEnded(records: readonly SignedRecord[]): boolean {
  return records.some(({ kind }) => kind === 'tombstone')
}
