import type { VaultTransaction } from '../vault/vault.ts'
import type { DerivedConversation } from './derive.ts'
import { type OccurrenceRow, occurrenceRow } from './derived-rows.ts'
import { storeLinks } from './link-store.ts'
import { refreshUnits } from './unit-store.ts'

interface StoredOccurrence {
  readonly acu_id: string
  readonly message_id: string
  readonly part: number
  readonly start: number
  readonly row_json: string
}

const COLUMNS = `acu_id, message_id, conversation_id, part, start, end, ordinal, heading, role, live, created_at,
  type, category, quality, security_level, spans_json, rules_json`

/** Makes the derived rows of a conversation what `derived` says, touching only rows that differ. */
export function storeConversation(tx: VaultTransaction, space: number, derived: DerivedConversation): void {
  const before = occurrencesOf(tx, derived.id)
  const rows = new Map<string, OccurrenceRow>()
  for (const unit of derived.occurrences) {
    const row = occurrenceRow(derived, unit)
    rows.set(keyOf(row[1], row[3], row[4], row[0]), row)
  }
  const stale = [...before].filter(([key, { row_json }]) => {
    const row = rows.get(key)
    return !row || JSON.stringify(row) !== row_json
  })
  const fresh = [...rows].filter(([key, row]) => before.get(key)?.row_json !== JSON.stringify(row))
  removeOccurrences(
    tx,
    stale.map(([, row]) => row),
  )
  insertOccurrences(
    tx,
    fresh.map(([, row]) => row),
  )
  const now = new Set(Array.from(rows.values(), ([acuId]) => acuId))
  countUnits(tx, derived.id, now.size)
  const units = new Set([...Array.from(before.values(), ({ acu_id }) => acu_id), ...now])
  storeLinks(
    tx,
    derived.id,
    derived.links,
    Array.from(before.values(), ({ acu_id }) => acu_id),
  )
  refreshUnits(tx, space, units, derived)
}

/** Writes only what differs. */
function countUnits(tx: VaultTransaction, conversationId: string, units: number): void {
  if (units === 0) tx.run('DELETE FROM conversation_unit_counts WHERE conversation_id = ?', [conversationId])
  else
    tx.run(
      `INSERT INTO conversation_unit_counts (conversation_id, units) VALUES (?, ?)
       ON CONFLICT (conversation_id) DO UPDATE SET units = excluded.units WHERE units <> excluded.units`,
      [conversationId, units],
    )
}

/** Removes everything derived from a conversation, and the topics that rest on it. */
export function forgetConversation(tx: VaultTransaction, space: number, conversationId: string): void {
  storeConversation(tx, space, { id: conversationId, title: '', archived: false, occurrences: [], links: [] })
  const topics = 'SELECT topic_id FROM topic_conversations WHERE conversation_id = ?'
  tx.run(`DELETE FROM topic_profiles WHERE id IN (${topics})`, [conversationId])
  tx.run(`DELETE FROM topic_units WHERE topic_id IN (${topics})`, [conversationId])
  tx.run(`DELETE FROM topic_conversations WHERE topic_id IN (${topics})`, [conversationId])
}

function occurrencesOf(tx: VaultTransaction, conversationId: string): Map<string, StoredOccurrence> {
  const rows = tx.all<StoredOccurrence>(
    `SELECT acu_id, message_id, part, start, json_array(${COLUMNS}) AS row_json
     FROM acu_occurrences WHERE conversation_id = ?`,
    [conversationId],
  )
  return new Map(rows.map((row) => [keyOf(row.message_id, row.part, row.start, row.acu_id), row]))
}

function keyOf(messageId: string, part: number, start: number, acuId: string): string {
  return `${messageId} ${part} ${start} ${acuId}`
}

function removeOccurrences(tx: VaultTransaction, rows: readonly StoredOccurrence[]): void {
  if (rows.length === 0) return
  tx.run(
    `DELETE FROM acu_occurrences WHERE (message_id, part, start, acu_id) IN
       (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3 FROM json_each(?))`,
    [JSON.stringify(rows.map(({ message_id, part, start, acu_id }) => [message_id, part, start, acu_id]))],
  )
}

/** One statement for all: the way into SQLite costs more than the row. */
function insertOccurrences(tx: VaultTransaction, rows: readonly OccurrenceRow[]): void {
  if (rows.length === 0) return
  const values = Array.from({ length: 17 }, (_, at) => `value ->> ${at}`).join(', ')
  tx.run(`INSERT INTO acu_occurrences (${COLUMNS}) SELECT ${values} FROM json_each(?)`, [
    JSON.stringify(rows),
  ])
}
