import { createHash } from 'node:crypto'
import type { Vault } from '../../daemon/vault/vault.ts'

export interface CorpusMessage {
  readonly id?: string
  readonly role?: 'user' | 'assistant' | 'system' | 'tool'
  readonly author?: string
  readonly at?: number
  readonly hidden?: boolean
  readonly live?: boolean
  /** Units of the message: text, or text with what a unit has. */
  readonly units: readonly (string | CorpusUnit)[]
}

export interface CorpusUnit {
  readonly text: string
  readonly class?: string
  readonly type?: string
  readonly quality?: number
  readonly level?: number
  readonly spans?: readonly { start: number; end: number; level: number; kind: string }[]
}

export interface CorpusConversation {
  readonly id: string
  readonly title: string
  readonly archived?: boolean
  readonly at?: number
  readonly messages: readonly CorpusMessage[]
}

export interface CorpusTopic {
  readonly id: string
  readonly label: string
  readonly terms: readonly string[]
}

const DAY = 86_400_000
const START = Date.UTC(2025, 2, 3, 9)

/** The spans of `needle` in a text, for units written by hand. */
export function spanOf(text: string, needle: string, level: number, kind = 'email') {
  const start = text.indexOf(needle)
  if (start === -1) throw new Error(`no ${needle}`)
  return { start, end: start + needle.length, level, kind }
}

/** Writes facts through the vault and derived rows beside them, one unit per piece of text given. */
export function fillVault(
  vault: Vault,
  conversations: readonly CorpusConversation[],
  topics: readonly CorpusTopic[] = [],
): void {
  for (const [c, conversation] of conversations.entries())
    vault.transact((tx) => {
      const start = conversation.at ?? START + c * DAY
      const messages = conversation.messages.map((message, position) => ({
        ...message,
        key: `${conversation.id}-${position}`,
        position,
        at: message.at ?? start + position * 60_000,
        role: message.role ?? (position % 2 === 0 ? ('user' as const) : ('assistant' as const)),
        texts: message.units.map((unit) => (typeof unit === 'string' ? { text: unit } : unit) as CorpusUnit),
      }))
      tx.write([
        {
          kind: 'INSERT',
          entity: 'Conversation',
          key: conversation.id,
          values: {
            provider: 'test',
            title: conversation.title,
            created_at: start,
            updated_at: messages.at(-1)?.at ?? start,
            captured_at: start,
            state: conversation.archived ? 'ARCHIVED' : 'ACTIVE',
            version: 1,
            current_message_id: messages.at(-1)?.key ?? null,
          },
        },
        ...messages.flatMap((message, i) => {
          const parts = JSON.stringify(message.texts.map(({ text }) => ({ type: 'text', content: text })))
          const hash = createHash('sha256').update(parts).digest('hex')
          return [
            {
              kind: 'INSERT' as const,
              entity: 'Message' as const,
              key: message.key,
              values: {
                conversation_id: conversation.id,
                original_id: message.id ?? `original-${message.key}`,
                parent_id: messages[i - 1]?.key ?? null,
                role: message.role,
                author: message.author ?? null,
                created_at: message.at,
                position: message.position,
                hidden: message.hidden ? 1 : 0,
                version_hash: hash,
              },
            },
            {
              kind: 'INSERT' as const,
              entity: 'MessageVersion' as const,
              key: `${message.key}:${hash}`,
              values: { message_id: message.key, content_hash: hash, parts_json: parts, captured_at: start },
            },
          ]
        }),
      ])
      for (const message of messages)
        for (const [ordinal, unit] of message.texts.entries()) {
          const id = unitId(unit)
          const fresh = tx.run(
            `INSERT OR IGNORE INTO atomic_chat_units
               (id, class, content, context, type, category, quality, security_level, state)
             VALUES (?, ?, ?, ?, ?, 'conceptual', ?, ?, 'ACTIVE')`,
            [
              id,
              unit.class ?? 'text',
              unit.text,
              [conversation.title, message.author ?? ''].join(' '),
              unit.type ?? 'statement',
              unit.quality ?? 50,
              unit.level ?? 0,
            ],
          )
          if (fresh === 1) {
            tx.run(
              `INSERT INTO unit_index (rowid, content, context)
               SELECT rowid_ref, content, context FROM atomic_chat_units WHERE id = ?`,
              [id],
            )
            tx.run(
              `INSERT INTO unit_trigram_index (rowid, content)
               SELECT rowid_ref, content FROM atomic_chat_units WHERE id = ?`,
              [id],
            )
          }
          tx.run(
            `INSERT INTO acu_occurrences (acu_id, message_id, conversation_id, part, start, end, ordinal, heading,
               role, live, created_at, type, category, quality, security_level, spans_json, rules_json)
             VALUES (?, ?, ?, ?, 0, ?, ?, NULL, ?, ?, ?, ?, 'conceptual', ?, ?, ?, '[]')`,
            [
              id,
              message.key,
              conversation.id,
              ordinal,
              unit.text.length,
              ordinal,
              message.role,
              message.live === false ? 0 : 1,
              message.at,
              unit.type ?? 'statement',
              unit.quality ?? 50,
              unit.level ?? 0,
              unit.spans ? JSON.stringify(unit.spans) : null,
            ],
          )
        }
    })
  for (const topic of topics)
    vault.transact((tx) =>
      tx.run(
        `INSERT INTO topic_profiles (id, label, terms_json, unit_count, conversation_count, first_seen_at, last_seen_at)
         VALUES (?, ?, ?, 7, 2, ?, ?)`,
        [topic.id, topic.label, JSON.stringify(topic.terms), START, START + 5 * DAY],
      ),
    )
}

export function unitId(unit: CorpusUnit): string {
  return createHash('sha3-256')
    .update(`${unit.class ?? 'text'}\n${unit.text}`)
    .digest('hex')
}
