import { VivimError } from '../../schema/errors.ts'
import type { Params, Result, UserMethodName } from '../../schema/methods/index.ts'
import type { TopicItem } from '../../schema/methods/knowledge.ts'
import type { UserCall, UserMethods } from '../users/user-engine.ts'
import { decodeCursor, pageOf } from '../vault/paging.ts'
import type { SqlValue } from '../vault/sql.ts'
import type { Vault } from '../vault/vault.ts'
import { EXTRACTOR_VERSION } from './acu-generator.ts'
import type { LinkEvidence } from './derived-rows.ts'
import { detectSpans, maskSpans } from './security/levels.ts'
import { selectUnits, type UnitWithPlace, unitItem, unitsInOrder } from './unit-list.ts'

export type KnowledgeMethodName = Extract<UserMethodName, `acus.${string}` | `topics.${string}`>

/** The `acus.*` and `topics.*` methods of one user. */
export function knowledgeMethods(vault: Vault): UserMethods<KnowledgeMethodName> {
  return {
    'acus.list': (params, call) => listUnits(vault, params, call),
    'acus.get': (params, call) => getUnit(vault, params, call.maxSecurityLevel),
    'acus.explain': (params) => explainUnit(vault, params),
    'topics.list': (params) => listTopics(vault, params),
    'topics.get': (params, call) => getTopic(vault, params, call.maxSecurityLevel),
  }
}

async function listUnits(
  vault: Vault,
  params: Params<'acus.list'>,
  call: UserCall,
): Promise<Result<'acus.list'>> {
  const { conversationId, topicId, type, minQuality, maxSecurityLevel, limit, cursor } = params
  const conditions: string[] = []
  const values: SqlValue[] = []
  const and = (condition: string, ...more: SqlValue[]) => {
    conditions.push(condition)
    values.push(...more)
  }
  if (conversationId !== undefined) {
    requireConversation(vault, conversationId)
    and('u.id IN (SELECT acu_id FROM acu_occurrences WHERE conversation_id = ?)', conversationId)
  }
  if (topicId !== undefined) {
    topicRow(vault, topicId)
    and('u.id IN (SELECT acu_id FROM topic_units WHERE topic_id = ?)', topicId)
  }
  const areFew = conditions.length > 0
  if (type !== undefined) and('u.type = ?', type)
  if (minQuality !== undefined) and('u.quality >= ?', minQuality)
  if (maxSecurityLevel !== undefined) and('u.security_level <= ?', maxSecurityLevel)
  const after = cursor === undefined ? '' : String(decodeCursor(cursor, 1)[0])
  const query = { conditions, values, after, limit: limit + 1 }
  const rows = areFew
    ? selectUnits(
        vault,
        [...conditions, 'u.id > ?'],
        [...values, after, query.limit],
        'ORDER BY u.id LIMIT ?',
      )
    : await unitsInOrder(vault, query, call.signal)
  return pageOf(
    rows,
    limit,
    (row) => unitItem(row, call.maxSecurityLevel),
    (row) => [row.id],
  )
}

function getUnit(vault: Vault, { id }: Params<'acus.get'>, maxLevel: number): Result<'acus.get'> {
  const unit = unitRow(vault, id)
  const occurrences = vault.all<{
    conversation_id: string
    message_id: string
    part: number
    start: number
    end: number
    heading: string | null
    role: string
    created_at: number | null
  }>('SELECT * FROM acu_occurrences WHERE acu_id = ? ORDER BY message_id, part, start', [id])
  const links = vault.all<{
    id: string
    source_id: string
    target_id: string
    relation: 'NEXT_STEP' | 'ANSWERS'
    weight: number
    rule: string
    evidence_json: string
  }>('SELECT * FROM acu_links WHERE source_id = ?1 OR target_id = ?1 ORDER BY id', [id])
  return {
    ...unitItem(unit, maxLevel),
    occurrences: occurrences.map((row) => ({
      conversationId: row.conversation_id,
      messageId: row.message_id,
      part: row.part,
      start: row.start,
      end: row.end,
      heading: row.heading === null ? null : maskSpans(row.heading, detectSpans(row.heading), maxLevel),
      role: row.role,
      createdAt: row.created_at,
    })),
    links: links.map((row) => ({
      id: row.id,
      sourceId: row.source_id,
      targetId: row.target_id,
      relation: row.relation,
      weight: row.weight / 1_000,
      rule: row.rule,
      evidence: (JSON.parse(row.evidence_json) as LinkEvidence[]).map(
        ([, sourceMessageId, targetMessageId]) => ({
          sourceMessageId,
          targetMessageId,
        }),
      ),
    })),
    topics: vault.all<{ id: string; label: string }>(
      `SELECT t.id, t.label FROM topic_units x JOIN topic_profiles t ON t.id = x.topic_id
       WHERE x.acu_id = ? ORDER BY x.weight DESC, t.id`,
      [id],
    ),
  }
}

function explainUnit(vault: Vault, { id }: Params<'acus.explain'>): Result<'acus.explain'> {
  unitRow(vault, id)
  return {
    id,
    extractorVersion: EXTRACTOR_VERSION,
    occurrences: vault
      .all<{ message_id: string; rules_json: string }>(
        'SELECT message_id, rules_json FROM acu_occurrences WHERE acu_id = ? ORDER BY message_id, part, start',
        [id],
      )
      .map(({ message_id, rules_json }) => ({ messageId: message_id, rules: JSON.parse(rules_json) })),
  }
}

interface TopicRow {
  readonly id: string
  readonly label: string
  readonly terms_json: string
  readonly unit_count: number
  readonly conversation_count: number
  readonly first_seen_at: number | null
  readonly last_seen_at: number | null
}

function listTopics(vault: Vault, { limit, cursor }: Params<'topics.list'>): Result<'topics.list'> {
  const after = cursor === undefined ? undefined : decodeCursor(cursor, 2)
  const rows = vault.all<TopicRow>(
    `SELECT * FROM topic_profiles ${after ? 'WHERE (-unit_count, id) > (?, ?)' : ''}
     ORDER BY unit_count DESC, id LIMIT ?`,
    [...(after ?? []), limit + 1],
  )
  return pageOf(rows, limit, topicItem, (row) => [-row.unit_count, row.id])
}

/** Units a topic shows at most; `acus.list {topicId}` pages through all. */
const TOPIC_UNITS = 50

function getTopic(vault: Vault, { id }: Params<'topics.get'>, maxLevel: number): Result<'topics.get'> {
  const row = topicRow(vault, id)
  const units = selectUnits(
    vault,
    ['u.id IN (SELECT acu_id FROM topic_units WHERE topic_id = ?)'],
    [id, id, TOPIC_UNITS],
    `ORDER BY (SELECT weight FROM topic_units WHERE topic_id = ? AND acu_id = u.id) DESC, u.quality DESC, u.id LIMIT ?`,
  )
  const weights = new Map(
    vault
      .all<{ acu_id: string; weight: number }>('SELECT acu_id, weight FROM topic_units WHERE topic_id = ?', [
        id,
      ])
      .map(({ acu_id, weight }) => [acu_id, weight]),
  )
  const conversations = vault.all<{ id: string; title: string; unitCount: number }>(
    `SELECT c.id, ifnull(c.custom_title, ifnull(c.title, '')) AS title, t.unit_count AS unitCount
     FROM topic_conversations t JOIN conversations c ON c.space = ? AND c.id = t.conversation_id AND c.deleted = 0
     WHERE t.topic_id = ? ORDER BY t.unit_count DESC, c.id`,
    [vault.space, id],
  )
  return {
    ...topicItem(row),
    firstSeenAt: row.first_seen_at,
    conversations: conversations.map((item) => ({
      ...item,
      title: maskSpans(item.title, detectSpans(item.title), maxLevel),
    })),
    units: units.map((unit) => ({
      ...unitItem(unit, maxLevel),
      weight: (weights.get(unit.id) ?? 0) / 1_000,
    })),
  }
}

function topicItem(row: TopicRow): TopicItem {
  return {
    id: row.id,
    label: row.label,
    terms: JSON.parse(row.terms_json),
    unitCount: row.unit_count,
    conversationCount: row.conversation_count,
    lastSeenAt: row.last_seen_at,
  }
}

function unitRow(vault: Vault, id: string): UnitWithPlace {
  const [unit] = selectUnits(vault, ['u.id = ?'], [id], '')
  if (!unit) throw new VivimError('NotFound', 'There is no such unit.', { field: 'id' })
  return unit
}

function topicRow(vault: Vault, id: string): TopicRow {
  const row = vault.get<TopicRow>('SELECT * FROM topic_profiles WHERE id = ?', [id])
  if (!row) throw new VivimError('NotFound', 'There is no such topic.', { field: 'id' })
  return row
}

function requireConversation(vault: Vault, id: string): void {
  const found = vault.get('SELECT 1 FROM conversations WHERE space = ? AND id = ? AND deleted = 0', [
    vault.space,
    id,
  ])
  if (!found) throw new VivimError('NotFound', 'There is no such conversation.', { field: 'conversationId' })
}
