import type { Result } from '../../../schema/methods/index.ts'
import type { Style } from './style.ts'
import { facts, more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

type Item = Result<'conversations.list'>['items'][number]

export function conversationsView({ items, nextCursor }: Result<'conversations.list'>, style: Style): string {
  if (items.length === 0) return 'No conversations: vivimd import FILE brings some.\n'
  const rows = items.map((item) => [
    item.id,
    date(item.updatedAt),
    item.provider,
    String(item.messageCount),
    titleOf(item),
  ])
  return table(['ID', 'CHANGED', 'PROVIDER', 'MESSAGES', 'TITLE'], rows, style) + more(nextCursor)
}

export function trashView({ items, nextCursor }: Result<'conversations.trash'>, style: Style): string {
  if (items.length === 0) return 'The trash is empty.\n'
  const rows = items.map((item) => [item.id, date(item.deletedAt), item.provider, titleOf(item)])
  return table(['ID', 'DELETED', 'PROVIDER', 'TITLE'], rows, style) + more(nextCursor)
}

export function changedView(item: Item): string {
  const state = item.state === 'ARCHIVED' ? ' (archived)' : ''
  return `${titleOf(item)}${state}\n`
}

export function deletedView({ erased, purged, id, waitingFor }: Result<'conversations.delete'>): string {
  if (!erased) return `In the trash; take it out with: vivimd conversations restore ${id}\n`
  if (waitingFor.length > 0)
    return `Erased here; waiting for ${waitingFor.map(oneLine).join(', ')}. See: vivimd sync erasures\n`
  return purged ? 'Erased: no byte of it is left in the database.\n' : 'Erased; the last bytes follow.\n'
}

export function statsView(stats: Result<'conversations.stats'>, style: Style): string {
  const { conversations, archived, trash, messages, units, topics, pending, providers } = stats
  const by = providers.map(({ provider, conversations }) => `${provider} ${conversations}`)
  return facts(
    [
      [
        'conversations',
        `${count(conversations, 'conversation')}, ${archived} archived, ${trash} in the trash`,
      ],
      ['from', by.join(', ') || '-'],
      ['messages', messages.toLocaleString('en-US')],
      ['units', units.toLocaleString('en-US') + (pending === 0 ? '' : ` (${pending} conversations to go)`)],
      ['topics', topics.toLocaleString('en-US')],
    ],
    style,
  )
}

function titleOf({ title, tags }: Pick<Item, 'title' | 'tags'>): string {
  return [oneLine(title), ...tags.map((tag) => `#${oneLine(tag)}`)].join(' ')
}
