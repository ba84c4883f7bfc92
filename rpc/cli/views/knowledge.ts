import type { Result } from '../../../schema/methods/index.ts'
import { bold, dim, type Style } from './style.ts'
import { more, table } from './table.ts'
import { count, cut, date, oneLine, safe } from './text.ts'

const SNIPPET = 400

type Unit = Result<'acus.list'>['items'][number]

export function unitsView({ items, nextCursor }: Result<'acus.list'>, style: Style): string {
  if (items.length === 0) return 'No units.\n'
  const lines = items.map((unit) => {
    const { type, qualityScore, securityLevel, content } = unit
    const facts = `quality ${qualityScore}, level ${securityLevel}`
    const text = cut(oneLine(content), Math.min(SNIPPET, Math.max(style.columns - 2, 40)))
    return `${bold(type, style)}  ${facts}  ${dim(unit.id, style)}\n  ${text}\n`
  })
  return lines.join('') + more(nextCursor)
}

export function unitView(unit: Result<'acus.get'>, style: Style): string {
  const places = unit.occurrences.map(
    ({ conversationId, messageId, role, createdAt }) =>
      `  ${date(createdAt)}  ${oneLine(role)}  conversation ${conversationId}, message ${messageId}\n`,
  )
  const links = unit.links.map(({ relation, targetId, sourceId }) => {
    const outgoing = sourceId === unit.id
    return `  ${relation} ${outgoing ? 'to' : 'from'} ${outgoing ? targetId : sourceId}\n`
  })
  const topics = unit.topics.map(({ label }) => oneLine(label)).join(', ')
  return [
    `${bold(headline(unit), style)}\n${dim(unit.id, style)}\n\n${safe(unit.content)}\n\n`,
    `${count(unit.occurrences.length, 'occurrence')}:\n${places.join('')}`,
    links.length === 0 ? '' : `${count(links.length, 'link')}:\n${links.join('')}`,
    topics === '' ? '' : `Topics: ${topics}\n`,
  ].join('')
}

export function explanationView({ occurrences }: Result<'acus.explain'>, style: Style): string {
  return occurrences
    .map(({ messageId, rules }) => {
      const rows = rules.map(({ rule, effect }) => [oneLine(rule), oneLine(effect)])
      return `In message ${messageId}\n${table(['RULE', 'EFFECT'], rows, style)}`
    })
    .join('\n')
}

export function topicsView({ items, nextCursor }: Result<'topics.list'>, style: Style): string {
  if (items.length === 0) return 'No topics yet.\n'
  const rows = items.map((topic) => [
    topic.id,
    String(topic.unitCount),
    String(topic.conversationCount),
    date(topic.lastSeenAt),
    oneLine(topic.label),
  ])
  return table(['ID', 'UNITS', 'CONVERSATIONS', 'LAST', 'TOPIC'], rows, style) + more(nextCursor)
}

export function topicView(topic: Result<'topics.get'>, style: Style): string {
  const conversations = topic.conversations.map(
    ({ id, title, unitCount }) => `  ${id}  ${oneLine(title)} (${count(unitCount, 'unit')})\n`,
  )
  const units = topic.units.map(
    ({ id, content }) => `  ${id.slice(0, 12)}  ${oneLine(content).slice(0, 100)}\n`,
  )
  return [
    `${bold(oneLine(topic.label), style)}\n${dim(topic.terms.map(oneLine).join(', '), style)}\n`,
    `${date(topic.firstSeenAt)} to ${date(topic.lastSeenAt)}\n\n`,
    `${count(topic.conversationCount, 'conversation')}:\n${conversations.join('')}\n`,
    `${count(topic.unitCount, 'unit')}:\n${units.join('')}`,
  ].join('')
}

function headline({ type, category, language, qualityScore, securityLevel }: Unit): string {
  const kind = language === undefined ? type : `${type} (${oneLine(language)})`
  return `${kind}, ${category}, quality ${qualityScore}, security level ${securityLevel}`
}
