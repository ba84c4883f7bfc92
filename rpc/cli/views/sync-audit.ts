import type { Result } from '../../../schema/methods/index.ts'
import type { Style } from './style.ts'
import { more, table } from './table.ts'
import { count, date, oneLine } from './text.ts'

const OUTCOMES: Record<Result<'sync.audit'>['devices'][number]['result'], string> = {
  same: 'shows the same, row by row',
  incomparable:
    'cannot be compared now: one of the two has or applies something else. Try again once both are in sync',
  different: 'showed something else',
  unreachable: 'cannot be reached',
  failed: 'could not be compared',
}

/** One line a device, and the rows that differed under it. */
export function auditView({ devices }: Result<'sync.audit'>): string {
  if (devices.length === 0) return 'There is no other device yet. `vivimd device pair` adds one.\n'
  return devices
    .map(({ deviceDid, result, rows = 0, remade = 0, names = [], message }) => {
      const why = message === undefined ? '' : ` (${oneLine(message)})`
      const head = `${deviceDid}: ${OUTCOMES[result]}${why}`
      if (result !== 'different') return `${head}\n`
      return `${head}. ${differing(rows, remade)}\n${rowList(names, rows)}`
    })
    .join('')
}

export function alarmLines(alarms: Result<'sync.status'>['spaces'][number]['alarms']): string {
  return alarms
    .map(
      ({ at, name, rows, remade, names }) =>
        `ALARM ${date(at)}  ${oneLine(name)} showed something else. ${differing(rows, remade)}\n${rowList(names, rows)}`,
    )
    .join('')
}

export function holdsView({ items, nextCursor }: Result<'sync.holds'>, style: Style): string {
  if (items.length === 0) return 'Nothing waits.\n'
  const rows = items.map(({ deviceDid, sequence, reason, until, tableName, hlcTimestamp }) => [
    REASONS[reason] ?? reason,
    until === null ? '-' : date(until),
    tableName ?? '-',
    hlcTimestamp ?? 'erased',
    `${deviceDid} ${sequence}`,
  ])
  return table(['WHY', 'UNTIL', 'TABLE', 'TIME', 'OPERATION'], rows, style) + more(nextCursor)
}

const REASONS: Readonly<Record<string, string>> = {
  future: 'stamped ahead of time',
  schema: 'of a newer program',
  'mass-erasure': 'erases much at once',
}

function differing(rows: number, remade: number): string {
  return `${count(rows, 'row')} differed, ${remade} of them wrong here; made again from the operations`
}

function rowList(names: readonly string[], rows: number): string {
  const rest = rows > names.length ? `  and ${rows - names.length} more\n` : ''
  return names.map((name) => `  ${oneLine(name)}\n`).join('') + rest
}
