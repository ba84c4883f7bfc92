import type { Query } from './database.ts'

/** The entries of a person's DID log. */
export async function entriesOf(query: Query, did: string): Promise<Uint8Array[]> {
  const { rows } = await query("SELECT record FROM signed_records WHERE did = $1 AND kind = 'entry'", [did])
  return rows.map(({ record }) => bytesOf(record))
}

/** A copy of its own: the library's buffers are pooled. */
export function bytesOf(value: unknown): Uint8Array {
  return new Uint8Array(value as Buffer)
}
