import {
  Annotation,
  Conversation,
  ConversationTag,
  Message,
  MessageVersion,
} from '../../schema/entities/index.ts'
import type { RowName } from './erasure.ts'
import type { VaultTransaction } from './vault.ts'

/** A conversation's row, and everything that goes with it when it is erased. */
export function rowsOfConversation(tx: VaultTransaction, space: number, id: string): RowName[] {
  return [{ entity: Conversation, key: id }, ...rowsIn(tx, space, id)]
}

/**
 * Rows that another device wrote into what is erased for good: captured or tagged while the erase was on its way. They
 * are to be erased too, by whichever devices see it; the same marker twice is one erase.
 */
export function strayRows(
  tx: VaultTransaction,
  space: number,
  changed: { readonly messages: Keys; readonly versions: Keys; readonly tags: Keys; readonly erased: Keys },
): { readonly rows: readonly RowName[]; readonly conversations: readonly string[] } {
  if (!tx.get('SELECT 1 FROM erased WHERE space = ? LIMIT 1', [space])) return { rows: [], conversations: [] }
  const parents = tx
    .all<{ id: string }>(
      `SELECT value AS id FROM json_each(?4)
       UNION SELECT conversation_id FROM messages
         WHERE space = ?1 AND id IN (SELECT value FROM json_each(?2)) AND conversation_id IS NOT NULL
       UNION SELECT conversation_id FROM conversation_tags
         WHERE space = ?1 AND id IN (SELECT value FROM json_each(?3)) AND conversation_id IS NOT NULL`,
      [
        space,
        ...[[...changed.messages, ...changed.versions.map(messageOf)], changed.tags, changed.erased].map(
          (keys) => JSON.stringify(keys),
        ),
      ],
    )
    .map(({ id }) => id)
    .filter((id) => tx.isErased(Conversation.name, id))
  const versions = changed.versions.filter((key) => tx.isErased(Message.name, messageOf(key)))
  const rows = [
    ...parents.flatMap((id) => rowsIn(tx, space, id)),
    ...versions.map((key) => ({ entity: MessageVersion, key })),
  ]
  return { rows, conversations: parents }
}

type Keys = readonly string[]

/** The id of the message that a version's key begins with. */
export function messageOf(version: string): string {
  return version.split(':')[0]!
}

function rowsIn(tx: VaultTransaction, space: number, id: string): RowName[] {
  const keys = (sql: string) => tx.all<{ id: string }>(sql, [space, id]).map((row) => row.id)
  const messages = keys('SELECT id FROM messages WHERE space = ? AND conversation_id = ?')
  const versions = keys(
    `SELECT v.id FROM messages m JOIN message_versions v
       ON v.space = m.space AND v.id > m.id || ':' AND v.id < m.id || ';'
     WHERE m.space = ? AND m.conversation_id = ?`,
  )
  const tags = keys('SELECT id FROM conversation_tags WHERE space = ? AND conversation_id = ?')
  const annotations = keys('SELECT id FROM annotations WHERE space = ? AND conversation_id = ?')
  return [
    ...annotations.map((key) => ({ entity: Annotation, key })),
    ...messages.map((key) => ({ entity: Message, key })),
    ...versions.map((key) => ({ entity: MessageVersion, key })),
    ...tags.map((key) => ({ entity: ConversationTag, key })),
  ]
}
