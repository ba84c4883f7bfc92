import type { Result } from '../../../schema/methods/index.ts'
import { bold, dim, type Style } from './style.ts'
import { more, table } from './table.ts'
import { count, date, oneLine, safe } from './text.ts'

type Notebook = Result<'notebooks.get'>
type Entry = Notebook['entries'][number]

export function notebooksView({ items, nextCursor }: Result<'notebooks.list'>, style: Style): string {
  if (items.length === 0) return 'No notebooks: vivimd notebook create NAME makes one.\n'
  const rows = items.map((item) => [
    item.id,
    date(item.createdAt),
    String(item.entryCount),
    oneLine(item.name),
  ])
  return table(['ID', 'CREATED', 'ENTRIES', 'NAME'], rows, style) + more(nextCursor)
}

export function notebookView({ name, description, entries }: Notebook, style: Style): string {
  const head = [bold(oneLine(name), style), ...(description === null ? [] : [oneLine(description)])]
  return `${head.join('\n')}\n${entries.map((entry) => `\n${entryView(entry, style)}`).join('')}`
}

export function notebookChangedView({ id, name, entryCount }: Result<'notebooks.create'>): string {
  return `${oneLine(name)} (${count(entryCount, 'entry', 'entries')}) ${id}\n`
}

export function entryView({ id, title, body, acuId, tally }: Entry, style: Style): string {
  const about = [id, ...(acuId === null ? [] : [`unit ${acuId}`]), ...(tally === 0 ? [] : [`tally ${tally}`])]
  const lines = [
    dim(about.map(oneLine).join(' · '), style),
    ...(title === null ? [] : [bold(oneLine(title), style)]),
  ]
  return `${[...lines, ...(body === '' ? [] : [safe(body)])].join('\n')}\n`
}

export function removedView({ erased, waitingFor }: Result<'notebooks.delete'>): string {
  if (!erased) return 'Deleted.\n'
  const others = waitingFor.map((name) => `'${oneLine(name)}'`).join(', ')
  return `Erased here for good.${others === '' ? '' : ` Waiting for ${others}.`}\n`
}
