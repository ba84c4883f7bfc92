import type { Vault } from '../vault/vault.ts'
import type { Line } from './bundle-lines.ts'
import type { OpenConversation, TailMessage } from './conversation-tail.ts'
import { dayText } from './dates.ts'
import { beginning, excerpt } from './excerpt.ts'
import { quoteLine, quoteText } from './quote.ts'
import type { Unit } from './unit-reader.ts'
import { HIGHEST_SHOWN, visibleMessage, visibleText, visibleUnit } from './visibility.ts'

const PER_KIND = 4
const LINE_CHARACTERS = 160
/** Longer than anything that is masked as one. */
const MASKED_BEYOND = 4_000

/** The arc of a conversation: its title, dates and size, then its latest open questions and decisions. */
export function arcLines(
  conversation: OpenConversation,
  units: readonly Unit[],
  answered: ReadonlySet<string>,
  maxSecurityLevel: number,
): Line[] {
  const { id, title, createdAt, updatedAt, messageCount } = conversation
  const days = [createdAt, updatedAt].filter((at) => at !== null).map(dayText)
  const head = `${quoteLine(visibleText(title, maxSecurityLevel)) || 'Untitled'} (${[...new Set(days), `${messageCount} messages`].join(', ')})`
  const lines: Line[] = [{ layer: 'L4', group: '', body: head, source: undefined, score: 1 }]
  for (const kind of ['question', 'decision'] as const) {
    const wanted = units.filter(
      ({ type, id: unitId }) => type === kind && !(kind === 'question' && answered.has(unitId)),
    )
    for (const unit of wanted.slice(0, PER_KIND)) {
      const place = unit.places.find(({ conversationId }) => conversationId === id)
      const visible = visibleUnit(unit.content, unit.level, unit.spans, maxSecurityLevel)
      if (!place || !visible) continue
      lines.push({
        layer: 'L4',
        group: '',
        body: `${kind === 'question' ? 'open question' : 'decision'}: ${quoteLine(visible.text, LINE_CHARACTERS)}`,
        score: 0,
        source: {
          kind: 'unit',
          id: unit.id,
          messageId: place.messageId,
          originalMessageId: place.originalMessageId,
          conversationId: id,
          date: place.createdAt,
          score: 0,
          why: [{ term: kind, value: 0 }],
          securityLevel: unit.level,
        },
      })
    }
  }
  return lines
}

/** Units of a conversation that its arc may name, latest first. */
export function arcUnitRows(vault: Vault, conversationId: string): { rows: number[]; answered: Set<string> } {
  const rows = vault.all<{ row: number; id: string; type: string }>(
    `SELECT u.rowid_ref AS row, u.id, o.type FROM acu_occurrences o
     JOIN atomic_chat_units u ON u.id = o.acu_id
     JOIN messages m ON m.space = ? AND m.id = o.message_id
     WHERE o.conversation_id = ? AND o.live = 1 AND o.type IN ('question', 'decision') AND u.state <> 'ARCHIVED'
     ORDER BY m.position DESC, o.ordinal DESC, u.id LIMIT 40`,
    [vault.space, conversationId],
  )
  const answered = vault.all<{ id: string }>(
    `SELECT DISTINCT target_id AS id FROM acu_links WHERE relation = 'ANSWERS'
     AND target_id IN (SELECT value FROM json_each(?))`,
    [JSON.stringify(rows.map(({ id }) => id))],
  )
  return { rows: [...new Set(rows.map(({ row }) => row))], answered: new Set(answered.map(({ id }) => id)) }
}

/** A message of the conversation as quoted text; undefined when the caller may not see it. */
export function historyLine(
  conversation: OpenConversation,
  message: TailMessage,
  maxSecurityLevel: number,
  limit: number,
): Line | undefined {
  if (message.unexplainedLevel > Math.min(maxSecurityLevel, HIGHEST_SHOWN)) return undefined
  // Masked before it is cut: half of a number is no longer known for what it is.
  const read = beginning(message.text, limit + MASKED_BEYOND)
  const whole = visibleMessage(read, read === message.text, message.sensitive, maxSecurityLevel)
  if (whole === undefined) return undefined
  const text = excerpt(whole, new Map(), limit)
  return {
    layer: 'L6',
    group: '',
    body: `${quoteLine(message.author ?? message.role, 40)}: ${quoteText(text)}`,
    score: 0,
    source: {
      kind: 'message',
      id: message.id,
      messageId: message.id,
      originalMessageId: message.originalId,
      conversationId: conversation.id,
      date: message.createdAt,
      score: 0,
      why: [{ term: 'latest', value: 0 }],
      securityLevel: message.level,
    },
  }
}
