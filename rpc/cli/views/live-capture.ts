import type { Result } from '../../../schema/methods/index.ts'
import type { Style } from './style.ts'
import { more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

type WatchItem = Result<'capture.watch'>

export function watchView({ path }: WatchItem): string {
  return `Following ${oneLine(path)}; \`vivimd watches list\` shows what comes of it.\n`
}

export function watchesView({ items }: Result<'capture.watches.list'>, style: Style): string {
  if (items.length === 0) return 'No folder is followed: vivimd watch FOLDER begins.\n'
  const rows = items.map(({ watchId, path, files, created, updated, lookedAt, error }) => [
    watchId,
    date(lookedAt),
    String(files),
    String(created),
    String(updated),
    error ?? '-',
    oneLine(path),
  ])
  return table(['ID', 'LOOKED AT', 'FILES', 'NEW', 'CHANGED', 'ERROR', 'FOLDER'], rows, style)
}

export function linkView({
  conversationId,
  created,
  messagesAdded,
  provider,
}: Result<'capture.link'>): string {
  const what = created ? 'Stored' : messagesAdded > 0 ? 'Brought up to date' : 'Known already'
  const added = messagesAdded > 0 ? `, ${count(messagesAdded, 'message')}` : ''
  return `${what} (${provider}${added}): vivimd conversations show ${conversationId}\n`
}

export function attemptsView({ items, nextCursor }: Result<'capture.attempts'>, style: Style): string {
  if (items.length === 0) return 'Nothing was captured yet.\n'
  const rows = items.map(({ at, provider, status, error, conversationId, url }) => [
    date(at),
    provider ?? '-',
    error === null ? status : `${status} (${error})`,
    conversationId ?? '-',
    url === null ? '' : oneLine(url),
  ])
  return table(['WHEN', 'PROVIDER', 'WHAT', 'CONVERSATION', 'LINK'], rows, style) + more(nextCursor)
}

export function captureStatsView({ items }: Result<'capture.stats'>, style: Style): string {
  if (items.length === 0) return 'Nothing was captured yet.\n'
  const rows = items.map(({ provider, attempts, created, updated, unchanged, failed, lastAt }) => [
    provider,
    ...[attempts, created, updated, unchanged, failed].map(String),
    date(lastAt),
  ])
  return table(['PROVIDER', 'TRIES', 'NEW', 'CHANGED', 'SAME', 'FAILED', 'LAST'], rows, style)
}
