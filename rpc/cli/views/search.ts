import type { Result } from '../../../schema/methods/index.ts'
import { bold, dim, type Style } from './style.ts'
import { cut, date, oneLine } from './text.ts'

const SNIPPET = 400

export function searchView({ items, weak }: Result<'search.query'>, style: Style): string {
  if (items.length === 0) return 'Nothing found.\n'
  const hits = items.map(({ kind, id, conversationId, score, text, date: at, why }) => {
    const where = kind === 'conversation' || conversationId === null ? '' : `  conversation ${conversationId}`
    const reasons = (why ?? []).map(({ term, value }) => `${oneLine(term)} ${number(value)}`).join(', ')
    return [
      `${bold(kind, style)} ${id}  ${dim(`${number(score)}  ${date(at)}${where}`, style)}\n`,
      `  ${cut(oneLine(text), Math.min(SNIPPET, Math.max(style.columns - 2, 40)))}\n`,
      reasons === '' ? '' : `  ${dim(`because: ${reasons}`, style)}\n`,
    ].join('')
  })
  return `${weak ? 'Only weak matches:\n' : ''}${hits.join('')}`
}

/** Four digits that count. */
export function number(value: number): string {
  return Number(value.toPrecision(4)).toString()
}
