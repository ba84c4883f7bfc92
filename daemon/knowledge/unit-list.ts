import type { UnitItem } from '../../schema/methods/knowledge.ts'
import { createPace } from '../vault/pace.ts'
import type { SqlValue } from '../vault/sql.ts'
import type { Vault } from '../vault/vault.ts'
import { type LevelSpan, maskSpans } from './security/levels.ts'

/** A unit with the place where it first occurs. */
export interface UnitWithPlace {
  readonly id: string
  readonly content: string
  readonly language: string | null
  readonly type: UnitItem['type']
  readonly category: UnitItem['category']
  readonly quality: number
  readonly security_level: number
  readonly state: UnitItem['state']
  readonly conversation_id: string
  readonly message_id: string
  readonly part: number
  readonly start: number
  readonly end: number
  readonly spans_json: string | null
}

/** Units and their first place: the one with the lowest (message, part, start). */
const UNITS = `
  SELECT u.id, u.content, u.language, u.type, u.category, u.quality, u.security_level, u.state,
    o.conversation_id, o.message_id, o.part, o.start, o.end, o.spans_json
  FROM atomic_chat_units u JOIN acu_occurrences o ON o.acu_id = u.id
    AND (o.message_id, o.part, o.start) = (
      SELECT message_id, part, start FROM acu_occurrences WHERE acu_id = u.id ORDER BY message_id, part, start LIMIT 1)`

/** Units that meet the conditions; `tail` orders and limits them. */
export function selectUnits(
  vault: Vault,
  conditions: readonly string[],
  values: readonly SqlValue[],
  tail: string,
): UnitWithPlace[] {
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
  return vault.all<UnitWithPlace>(`${UNITS} ${where} ${tail}`, values)
}

/** Units looked at between two turns of others: a few ms. */
const LOOKED_AT_ONCE = 500

/**
 * The first units after an id that meet the conditions, in the order of ids. Few of a large vault's may: others get
 * their turn while they are looked for. @throws the signal's reason
 */
export async function unitsInOrder(
  vault: Vault,
  query: {
    readonly conditions: readonly string[]
    readonly values: readonly SqlValue[]
    /** '' for the first. */
    readonly after: string
    readonly limit: number
  },
  signal: AbortSignal,
): Promise<UnitWithPlace[]> {
  const { conditions, values, limit } = query
  const pace = createPace()
  const found: UnitWithPlace[] = []
  for (let after: string | undefined = query.after; after !== undefined && found.length < limit; ) {
    signal.throwIfAborted()
    const end: string | undefined = vault.get<{ id: string }>(
      `SELECT id FROM atomic_chat_units WHERE id > ? ORDER BY id LIMIT 1 OFFSET ${LOOKED_AT_ONCE - 1}`,
      [after],
    )?.id
    const upTo = end === undefined ? [] : [end]
    const range = ['u.id > ?', ...upTo.map(() => 'u.id <= ?')]
    const some = selectUnits(
      vault,
      [...range, ...conditions],
      [after, ...upTo, ...values, limit - found.length],
      'ORDER BY u.id LIMIT ?',
    )
    for (const unit of some) found.push(unit)
    after = end
    await pace()
  }
  return found
}

/** What a caller of this level sees of a unit. */
export function unitItem(unit: UnitWithPlace, maxSecurityLevel: number): UnitItem {
  const spans: LevelSpan[] = unit.spans_json === null ? [] : JSON.parse(unit.spans_json)
  // Sensitive as a whole: no span says which words.
  const hidden =
    unit.security_level > maxSecurityLevel && !spans.some(({ level }) => level >= unit.security_level)
  return {
    id: unit.id,
    type: unit.type,
    category: unit.category,
    content: hidden
      ? `⟦hidden:level_${unit.security_level}⟧`
      : maskSpans(unit.content, spans, maxSecurityLevel),
    ...(unit.language === null ? {} : { language: unit.language }),
    qualityScore: unit.quality,
    securityLevel: unit.security_level,
    isPersonal: unit.security_level >= 2,
    state: unit.state,
    conversationId: unit.conversation_id,
    messageId: unit.message_id,
    part: unit.part,
    start: unit.start,
    end: unit.end,
  }
}
