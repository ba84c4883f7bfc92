import type { RowValues, Value } from '../../schema/entities/index.ts'
import type { Sql } from '../vault/sql.ts'

/** What is stored of a conversation, to write only what differs. */
export interface StoredConversationRow {
  readonly id: string
  readonly deleted: number
  readonly source_url: string | null
  readonly title: string | null
  readonly model: string | null
  readonly created_at: number | null
  readonly updated_at: number | null
  readonly content_hash: string | null
  readonly version: number | null
  readonly current_message_id: string | null
  readonly metadata_json: string | null
}

export interface StoredMessageRow {
  readonly id: string
  readonly parent_id: string | null
  readonly role: string | null
  readonly author: string | null
  readonly model: string | null
  readonly created_at: number | null
  readonly position: number | null
  readonly hidden: number | null
  readonly version_hash: string | null
  readonly metadata_json: string | null
}

export function storedConversation(sql: Sql, space: number, id: string): StoredConversationRow | undefined {
  return sql.get<StoredConversationRow>('SELECT * FROM conversations WHERE space = ? AND id = ?', [space, id])
}

export function storedMessages(sql: Sql, space: number, conversation: string): Map<string, StoredMessageRow> {
  const rows = sql.all<StoredMessageRow>(
    `SELECT id, parent_id, role, author, model, created_at, position, hidden, version_hash, metadata_json
     FROM messages WHERE space = ? AND conversation_id = ?`,
    [space, conversation],
  )
  return new Map(rows.map((row) => [row.id, row]))
}

/** Which of these message versions are stored. */
export function storedVersions(sql: Sql, space: number, keys: readonly string[]): Set<string> {
  if (keys.length === 0) return new Set()
  const rows = sql.all<{ id: string }>(
    'SELECT id FROM message_versions WHERE space = ? AND id IN (SELECT value FROM json_each(?))',
    [space, JSON.stringify(keys)],
  )
  return new Set(rows.map(({ id }) => id))
}

/** Columns whose new value says something other than the stored one. What a capture leaves out changes nothing. */
export function changedColumns(
  stored: object,
  values: Readonly<Record<string, Value | undefined>>,
): RowValues | undefined {
  const row = stored as Readonly<Record<string, Value>>
  const changed = Object.entries(values).filter(
    (column): column is [string, Value] =>
      column[1] !== undefined && column[1] !== null && column[1] !== row[column[0]],
  )
  return changed.length === 0 ? undefined : Object.fromEntries(changed)
}

/** Columns that have a value. */
export function statedColumns(values: Readonly<Record<string, Value | undefined>>): RowValues {
  return Object.fromEntries(
    Object.entries(values).filter(
      (column): column is [string, Value] => column[1] !== undefined && column[1] !== null,
    ),
  )
}
