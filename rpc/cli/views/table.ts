import { bold, type Style } from './style.ts'
import { cut, width } from './text.ts'

const GAP = '  '
const NARROWEST_LAST = 20

/** Aligned columns under their heads; the last column is cut to the width of the terminal. One line per row. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[], style: Style): string {
  const all = [heads, ...rows]
  const last = heads.length - 1
  const widths = heads.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))))
  const before = widths.slice(0, last).reduce((sum, columns) => sum + columns + GAP.length, 0)
  const left = Math.max(style.columns - before, NARROWEST_LAST)
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === last ? cut(cell, left) : padded(cell, widths[column]!)))
      .join(GAP)
      .trimEnd()
  return [bold(line(heads), style), ...rows.map(line)].map((text) => `${text}\n`).join('')
}

/** `name   value` lines. */
export function facts(pairs: readonly (readonly [name: string, value: string])[], style: Style): string {
  const widest = Math.max(...pairs.map(([name]) => width(name)))
  return pairs.map(([name, value]) => `${bold(padded(name, widest), style)}  ${value}\n`).join('')
}

/** The end of a list: that there is more, and how to get it. */
export function more(nextCursor: string | null): string {
  return nextCursor === null ? '' : `More: --cursor ${nextCursor}\n`
}

function padded(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)))
}
