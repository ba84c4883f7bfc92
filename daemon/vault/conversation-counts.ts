import type { Result } from '../../schema/methods/index.ts'
import type { Sql } from './sql.ts'

interface Group {
  readonly deleted: number
  readonly state: string | null
  readonly provider: string
  readonly n: number
}

/** What there is, counted from an index and from tables that triggers keep: a large vault is not read for it. */
export function conversationCounts(sql: Sql, space: number): Result<'conversations.stats'> {
  const groups = sql.all<Group>(
    `SELECT deleted, state, ifnull(provider, 'unknown') AS provider, count(*) AS n
     FROM conversations INDEXED BY conversations_by_state WHERE space = ? GROUP BY deleted, state, provider`,
    [space],
  )
  const shown = groups.filter(({ deleted }) => deleted === 0)
  const providers = new Map<string, number>()
  for (const { provider, n } of shown) providers.set(provider, (providers.get(provider) ?? 0) + n)
  const rows = (table: 'topic_profiles' | 'derivation_queue') =>
    sql.get<{ n: number }>(`SELECT count(*) AS n FROM ${table}`)!.n
  return {
    conversations: total(shown),
    archived: total(shown.filter(({ state }) => state === 'ARCHIVED')),
    trash: total(groups) - total(shown),
    messages: sql.get<{ n: number }>(
      `SELECT ifnull(sum(m.messages), 0) AS n FROM conversations c INDEXED BY conversations_by_state
       JOIN message_counts m ON m.space = c.space AND m.conversation_id = c.id
       WHERE c.space = ? AND c.deleted = 0`,
      [space],
    )!.n,
    units: unitCount(sql),
    topics: rows('topic_profiles'),
    pending: rows('derivation_queue'),
    providers: [...providers]
      .map(([provider, conversations]) => ({ provider, conversations }))
      .sort((a, b) => b.conversations - a.conversations || (a.provider < b.provider ? -1 : 1)),
  }
}

export function unitCount(sql: Sql): number {
  return sql.get<{ units: number }>('SELECT units FROM unit_counts')!.units
}

function total(groups: readonly Group[]): number {
  return groups.reduce((sum, { n }) => sum + n, 0)
}
