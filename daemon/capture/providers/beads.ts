import { conversationOf, messageOf, textParts } from './conversation-of.ts'
import { instant } from './instants.ts'
import { isObject, type JsonObject, text } from './json-value.ts'
import type { ListProvider } from './provider.ts'

/** Beads: what became of an issue, an event a line. Nobody's words to an assistant: all of it is told by the system. */
export const beads: ListProvider = {
  kind: 'list',
  name: 'beads',
  title: 'Beads issue log',
  validated: true,

  detect: ({ issue_id, kind, actor, created_at }) =>
    text(issue_id) !== undefined &&
    text(kind) !== undefined &&
    actor !== undefined &&
    instant(created_at) !== undefined,

  parse(lines) {
    const issues = Map.groupBy(lines, ({ value }) => text(value.issue_id) ?? '')
    return [...issues].map(([id, events]) => ({
      parsed: conversationOf({
        provider: 'beads',
        originalId: id,
        title: id,
        messages: events.map(({ value }) =>
          messageOf({
            id: value.id,
            role: 'system',
            author: value.actor,
            at: value.created_at,
            parts: textParts(wordsOf(value)),
            metadata: { kind: value.kind, extra: value.extra },
          }),
        ),
      }),
      raw: events.map(({ bytes }) => bytes),
    }))
  },
}

function wordsOf({ kind, extra, text: said, comment }: JsonObject): string {
  const change = isObject(extra) ? extra : {}
  const moved = text(change.field)
    ? `${change.field}: ${change.old_value ?? ''} → ${change.new_value ?? ''}`
    : undefined
  return [text(said) ?? text(comment) ?? moved ?? String(kind), text(change.reason)]
    .filter(Boolean)
    .join('\n')
}
