import type { Result } from '../../../schema/methods/index.ts'
import { dim, type Style } from './style.ts'
import { more } from './table.ts'
import { date, oneLine, safe } from './text.ts'

type Annotation = Result<'annotations.create'>

export function annotationsView({ items, nextCursor }: Result<'annotations.list'>, style: Style): string {
  if (items.length === 0) return 'No annotations.\n'
  return items.map((item) => annotationView(item, style)).join('\n') + more(nextCursor)
}

export function annotationView(item: Annotation, style: Style): string {
  const { id, type, createdAt, text, acuId, messageId, conversationId } = item
  const on =
    acuId !== null
      ? `unit ${acuId}`
      : messageId !== null
        ? `message ${messageId}`
        : `conversation ${conversationId ?? '?'}`
  return `${dim([id, type, date(createdAt), on].map(oneLine).join(' · '), style)}\n${safe(text)}\n`
}
