import type { Part } from '../../schema/capture.ts'
import { VivimError } from '../../schema/errors.ts'
import type { LevelSpan } from '../knowledge/security/levels.ts'
import type { Vault } from '../vault/vault.ts'

export interface TailMessage {
  readonly id: string
  readonly originalId: string | null
  readonly role: string
  readonly author: string | null
  readonly createdAt: number | null
  readonly text: string
  /** The highest level of its units. */
  readonly level: number
  /** The highest level of its units that no span explains. */
  readonly unexplainedLevel: number
  /** What its units' spans cover, as it stands in their canonical content. */
  readonly sensitive: readonly SensitiveText[]
}

export interface SensitiveText {
  readonly text: string
  readonly level: number
  readonly kind: string
}

export interface OpenConversation {
  readonly id: string
  readonly title: string
  readonly createdAt: number | null
  readonly updatedAt: number | null
  readonly messageCount: number
  /** The latest messages of the shown branch, newest first, as far as they were asked for. */
  readonly tail: readonly TailMessage[]
}

const MESSAGES_READ = 200

/**
 * The conversation a message goes to, with its latest messages up to `characters` in sum.
 * Throws `NotFound` when there is none, or it is in the trash.
 */
export function readOpenConversation(vault: Vault, id: string, characters: number): OpenConversation {
  const row = vault.get<ConversationRow>(
    `SELECT coalesce(custom_title, title, '') AS title, created_at, updated_at, current_message_id,
       (SELECT count(*) FROM messages m WHERE m.space = c.space AND m.conversation_id = c.id AND m.deleted = 0
          AND m.hidden IS NOT 1) AS message_count,
       (SELECT m.id FROM messages m WHERE m.space = c.space AND m.conversation_id = c.id AND m.deleted = 0
          ORDER BY m.position DESC, m.id DESC LIMIT 1) AS last_id
     FROM conversations c WHERE space = ? AND id = ? AND deleted = 0`,
    [vault.space, id],
  )
  if (!row) throw new VivimError('NotFound', 'There is no such conversation.', { field: 'conversationId' })
  const tail: TailMessage[] = []
  const walked = new Set<string>()
  let left = characters
  let at = readMessage(vault, row.current_message_id) ?? readMessage(vault, row.last_id)
  while (at && !walked.has(at.id) && walked.size < MESSAGES_READ && left > 0) {
    walked.add(at.id)
    if (at.hidden !== 1 && at.conversation_id === id) {
      const text = renderParts(partsOf(vault, at))
      left -= text.length
      if (text !== '')
        tail.push({
          id: at.id,
          originalId: at.original_id,
          role: at.role ?? 'system',
          author: at.author,
          createdAt: at.created_at,
          text,
          ...sensitivityOf(vault, at.id),
        })
    }
    at = readMessage(vault, at.parent_id)
  }
  return {
    id,
    title: row.title,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    messageCount: row.message_count,
    tail,
  }
}

function readMessage(vault: Vault, id: string | null): MessageRow | undefined {
  if (id === null) return undefined
  return vault.get<MessageRow>(
    `SELECT m.id, m.conversation_id, m.original_id, m.parent_id, m.role, m.author, m.created_at, m.hidden,
       v.parts_json, v.parts_blob
     FROM messages m
     LEFT JOIN message_versions v ON v.space = m.space AND v.id = m.id || ':' || m.version_hash AND v.deleted = 0
     WHERE m.space = ? AND m.id = ? AND m.deleted = 0`,
    [vault.space, id],
  )
}

function partsOf(vault: Vault, { parts_json, parts_blob }: MessageRow): Part[] {
  if (parts_json !== null) return JSON.parse(parts_json)
  const bytes = parts_blob === null ? undefined : vault.getBlob(parts_blob)
  return bytes ? JSON.parse(Buffer.from(bytes).toString('utf8')) : []
}

/** What the other side of the conversation saw: no thoughts, no tool traffic. */
function renderParts(parts: readonly Part[]): string {
  return parts
    .filter(
      ({ type }) =>
        type !== 'thought' && type !== 'tool_call' && type !== 'tool_result' && type !== 'citation',
    )
    .map(({ type, content, metadata }) => {
      if (type === 'image' || type === 'file') {
        const name = metadata?.alt ?? metadata?.name ?? content
        return typeof name === 'string' && name !== '' ? `(${type}: ${name})` : `(${type})`
      }
      return content
    })
    .filter((text) => text.trim() !== '')
    .join('\n')
}

/** What derivation found in a message. A unit may be sensitive as a whole, without a span to mask. */
function sensitivityOf(
  vault: Vault,
  messageId: string,
): Pick<TailMessage, 'level' | 'unexplainedLevel' | 'sensitive'> {
  const rows = vault.all<{ security_level: number; spans_json: string | null; content: string }>(
    `SELECT o.security_level, o.spans_json, u.content FROM acu_occurrences o
     JOIN atomic_chat_units u ON u.id = o.acu_id WHERE o.message_id = ? AND o.security_level > 0`,
    [messageId],
  )
  let level = 0
  let unexplained = 0
  const sensitive: SensitiveText[] = []
  for (const { security_level, spans_json, content } of rows) {
    const spans = spans_json === null ? [] : (JSON.parse(spans_json) as LevelSpan[])
    level = Math.max(level, security_level)
    if (!spans.some((span) => span.level >= security_level))
      unexplained = Math.max(unexplained, security_level)
    for (const span of spans)
      sensitive.push({ text: content.slice(span.start, span.end), level: span.level, kind: span.kind })
  }
  return { level, unexplainedLevel: unexplained, sensitive }
}

interface ConversationRow {
  readonly title: string
  readonly created_at: number | null
  readonly updated_at: number | null
  readonly current_message_id: string | null
  readonly message_count: number
  readonly last_id: string | null
}

interface MessageRow {
  readonly id: string
  readonly conversation_id: string | null
  readonly original_id: string | null
  readonly parent_id: string | null
  readonly role: string | null
  readonly author: string | null
  readonly created_at: number | null
  readonly hidden: number | null
  readonly parts_json: string | null
  readonly parts_blob: string | null
}
