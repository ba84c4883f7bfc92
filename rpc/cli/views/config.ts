import type { Result } from '../../../schema/methods/index.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { oneLine } from './text.ts'

type Item = Result<'config.get'>

export function configView({ items }: Result<'config.list'>, style: Style): string {
  const rows = items.map((item) => [item.key, shown(item), item.origin, item.description])
  return table(['KEY', 'VALUE', 'FROM', 'WHAT'], rows, style)
}

export function settingView(item: Item): string {
  return `${item.key} = ${shown(item)} (${item.origin})\n`
}

function shown({ value }: Item): string {
  if (value === null) return '-'
  return oneLine(typeof value === 'string' ? value : JSON.stringify(value))
}
