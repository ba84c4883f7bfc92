import type { Pace } from '../../vault/pace.ts'
import type { Vault, VaultTransaction } from '../../vault/vault.ts'
import { deriveTopics, type Topic, type TopicSource } from './derive-topics.ts'

/**
 * Makes every topic again from the units there are. `store` is asked in the transaction that stores them, and answers
 * false when the units changed such that nothing of these may be kept.
 */
export async function rebuildTopics(
  vault: Vault,
  pace: Pace,
  store: (tx: VaultTransaction) => boolean,
): Promise<void> {
  const topics = await deriveTopics(topicSources(vault), pace)
  vault.transactDerived((tx) => {
    if (!store(tx)) return
    for (const table of ['topic_profiles', 'topic_units', 'topic_conversations'])
      tx.run(`DELETE FROM ${table}`)
    for (const topic of topics) insertTopic(tx, topic)
  })
}

/** Topics rest on the best units of a large vault: it bounds their time and memory, and a person sees no difference. */
const UNITS_LOOKED_AT = 20_000
const CHARACTERS_LOOKED_AT = 4_000

/** Text on shown branches of conversations that are not archived; not what a tool printed or a model thought. */
function topicSources(vault: Vault): TopicSource[] {
  const rows = vault.all<{
    id: string
    content: string
    conversations: string
    first_seen: number | null
    last_seen: number | null
  }>(
    `WITH best AS (
       SELECT id, substr(content, 1, ${CHARACTERS_LOOKED_AT}) AS content FROM atomic_chat_units
       WHERE class = 'text' AND state = 'ACTIVE' AND type <> 'reasoning'
       ORDER BY quality DESC, id LIMIT ${UNITS_LOOKED_AT})
     SELECT b.id, b.content, json_group_array(DISTINCT o.conversation_id) AS conversations,
       min(o.created_at) AS first_seen, max(o.created_at) AS last_seen
     FROM best b JOIN acu_occurrences o ON o.acu_id = b.id
     WHERE o.live = 1 AND o.role IN ('user', 'assistant')
     GROUP BY b.id`,
  )
  return rows.map(({ id, content, conversations, first_seen, last_seen }) => ({
    id,
    content,
    conversations: JSON.parse(conversations) as string[],
    firstSeenAt: first_seen,
    lastSeenAt: last_seen,
  }))
}

function insertTopic(tx: VaultTransaction, topic: Topic): void {
  tx.run(
    `INSERT INTO topic_profiles (id, label, terms_json, unit_count, conversation_count, first_seen_at, last_seen_at)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [
      topic.id,
      topic.label,
      JSON.stringify(topic.terms),
      topic.units.length,
      topic.conversations.length,
      topic.firstSeenAt,
      topic.lastSeenAt,
    ],
  )
  for (const { id, weight } of topic.units)
    tx.run('INSERT INTO topic_units (topic_id, acu_id, weight) VALUES (?, ?, ?)', [topic.id, id, weight])
  for (const { id, unitCount } of topic.conversations)
    tx.run('INSERT INTO topic_conversations (topic_id, conversation_id, unit_count) VALUES (?, ?, ?)', [
      topic.id,
      id,
      unitCount,
    ])
}
