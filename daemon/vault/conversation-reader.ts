import type { Part, Role } from '../../schema/capture.ts'
import type { Vault } from './vault.ts'

/** A message as stored: parts in source order, level-5 spans as markers. */
export interface StoredMessage {
  readonly id: string
  readonly conversationId: string
  readonly originalId: string | null
  readonly parentId: string | null
  readonly role: Role
  readonly author: string | null
  readonly model: string | null
  readonly createdAt: number | null
  readonly position: number
  readonly hidden: boolean
  readonly versionHash: string
  readonly parts: readonly Part[]
  /** On the shown branch. */
  readonly live: boolean
  /** 0 is the shown branch; others count up by the position of their first own message. */
  readonly branch: number
}

export interface StoredConversation {
  readonly id: string
  readonly provider: string
  readonly originalId: string | null
  readonly sourceUrl: string | null
  /** The user's own title if there is one, else the provider's, else ''. */
  readonly title: string
  readonly model: string | null
  readonly createdAt: number | null
  readonly updatedAt: number | null
  readonly capturedAt: number
  readonly state: 'ACTIVE' | 'ARCHIVED'
  readonly version: number
  readonly tags: readonly string[]
  /** In position order. */
  readonly messages: readonly StoredMessage[]
}

/** A conversation with all its messages, or undefined when there is none or it is in the trash. */
export function loadConversation(vault: Vault, id: string): StoredConversation | undefined {
  const row = vault.get<ConversationRow>(
    'SELECT * FROM conversations WHERE space = ? AND id = ? AND deleted = 0',
    [vault.space, id],
  )
  if (!row) return undefined
  const rows = vault.all<MessageRow>(
    `SELECT m.*, v.parts_json, v.parts_blob FROM messages m
     LEFT JOIN message_versions v ON v.space = m.space AND v.id = m.id || ':' || m.version_hash AND v.deleted = 0
     WHERE m.space = ? AND m.conversation_id = ? AND m.deleted = 0 ORDER BY m.position, m.id`,
    [vault.space, id],
  )
  const branches = branchesOf(rows, row.current_message_id)
  return {
    id,
    provider: row.provider ?? 'unknown',
    originalId: row.original_id,
    sourceUrl: row.source_url,
    title: row.custom_title ?? row.title ?? '',
    model: row.model,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    capturedAt: row.captured_at ?? 0,
    state: row.state ?? 'ACTIVE',
    version: row.version ?? 1,
    tags: tagsOf(vault, id),
    messages: rows.map((message) => {
      const branch = branches.get(message.id) ?? 0
      return {
        id: message.id,
        conversationId: id,
        originalId: message.original_id,
        parentId: message.parent_id,
        role: message.role ?? 'system',
        author: message.author,
        model: message.model,
        createdAt: message.created_at,
        position: message.position ?? 0,
        hidden: message.hidden === 1,
        versionHash: message.version_hash ?? '',
        parts: partsOf(vault, message),
        live: branch === 0,
        branch,
      }
    }),
  }
}

export function tagsOf(vault: Vault, conversationId: string): string[] {
  return vault
    .all<{ tag: string }>(
      'SELECT tag FROM conversation_tags WHERE space = ? AND conversation_id = ? AND deleted = 0 ORDER BY tag',
      [vault.space, conversationId],
    )
    .map(({ tag }) => tag)
}

export interface ConversationRow {
  readonly id: string
  readonly clock: Uint8Array
  readonly provider: string | null
  readonly original_id: string | null
  readonly source_url: string | null
  readonly title: string | null
  readonly custom_title: string | null
  readonly model: string | null
  readonly created_at: number | null
  readonly updated_at: number | null
  readonly captured_at: number | null
  readonly state: 'ACTIVE' | 'ARCHIVED' | null
  readonly version: number | null
  readonly current_message_id: string | null
}

interface MessageRow {
  readonly id: string
  readonly original_id: string | null
  readonly parent_id: string | null
  readonly role: Role | null
  readonly author: string | null
  readonly model: string | null
  readonly created_at: number | null
  readonly position: number | null
  readonly hidden: number | null
  readonly version_hash: string | null
  readonly parts_json: string | null
  readonly parts_blob: string | null
}

/** Parts of a message; none while the blob that holds them is not here. */
function partsOf(vault: Vault, { parts_json, parts_blob }: MessageRow): Part[] {
  if (parts_json !== null) return JSON.parse(parts_json)
  const bytes = parts_blob === null ? undefined : vault.getBlob(parts_blob)
  return bytes ? JSON.parse(Buffer.from(bytes).toString('utf8')) : []
}

/**
 * Branch of each message. The way from the current message up to the root is branch 0; a message elsewhere goes on
 * with its parent's branch if it is the parent's first child there, and begins a new one otherwise.
 */
function branchesOf(messages: readonly MessageRow[], current: string | null): Map<string, number> {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const branches = new Map<string, number>()
  let at = byId.get(current ?? '') ?? messages.at(-1)
  while (at && !branches.has(at.id)) {
    branches.set(at.id, 0)
    at = byId.get(at.parent_id ?? '')
  }
  const continued = new Set<string>()
  let last = 0
  for (const { id, parent_id } of messages) {
    if (branches.has(id)) continue
    const parent = parent_id ?? ''
    const above = branches.get(parent)
    if (above !== undefined && above > 0 && !continued.has(parent)) {
      branches.set(id, above)
      continued.add(parent)
    } else branches.set(id, ++last)
  }
  return branches
}
