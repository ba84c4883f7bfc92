import type { MembershipEntry } from '../../crdt/membership-entry.ts'
import type { Sql } from './sql.ts'

/**
 * Whether a resolution of a parted DID log is believed here. The root key alone is not enough: whoever found the words has
 * it. The device that signs too must have been known no later than any entry with that number: a device that knew neither
 * version before takes the word of who introduces it.
 */
export function believesResolution(
  sql: Sql,
  { change }: Pick<MembershipEntry, 'change'>,
  versions: EntryTimes,
): boolean {
  if (change.kind !== 'resolve') return true
  const member = sql.get<{ known_since: number }>('SELECT known_since FROM members WHERE device = ?', [
    change.device,
  ])
  if (!member) return false
  return versions(change.number).every((since) => member.known_since <= since)
}

/** Since when the entries with a number are known here; milliseconds UTC. */
export type EntryTimes = (number: number) => readonly number[]
