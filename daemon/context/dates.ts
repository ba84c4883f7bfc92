/** A span of time a question names, in milliseconds UTC; `to` is exclusive. */
export interface DateWindow {
  readonly from: number
  readonly to: number
}

const MONTHS = [
  ['january', 'januar', 'jan'],
  ['february', 'februar', 'feb'],
  ['march', 'märz', 'mar'],
  ['april', 'apr'],
  ['may', 'mai'],
  ['june', 'juni', 'jun'],
  ['july', 'juli', 'jul'],
  ['august', 'aug'],
  ['september', 'sept', 'sep'],
  ['october', 'oktober', 'oct', 'okt'],
  ['november', 'nov'],
  ['december', 'dezember', 'dec', 'dez'],
]
const MONTH_OF = new Map(MONTHS.flatMap((names, month) => names.map((name) => [name, month] as const)))
const MONTH = [...MONTH_OF.keys()].sort((a, b) => b.length - a.length).join('|')
const YEAR = '(?:19|20)\\d\\d'

const ISO = new RegExp(`\\b(${YEAR})-(\\d\\d)(?:-(\\d\\d))?\\b`, 'g')
const DAY_FIRST = new RegExp(
  `\\b(\\d{1,2})(?:st|nd|rd|th|\\.)?\\s+(?:of\\s+)?(${MONTH})\\b\\.?,?(?:\\s+(${YEAR}))?`,
  'gi',
)
const MONTH_FIRST = new RegExp(`\\b(${MONTH})\\.?\\s+(\\d{1,2})(?:st|nd|rd|th)?\\b,?(?:\\s+(${YEAR}))?`, 'gi')
const MONTH_AND_YEAR = new RegExp(`\\b(${MONTH})\\.?,?\\s+(${YEAR})\\b`, 'gi')
const BARE_YEAR = new RegExp(`\\b(${YEAR})\\b`, 'g')

/** The times a question names outright; the most exact ones only. A date without a year needs `years` to try. */
export function dateWindowsOf(text: string, years: readonly number[]): DateWindow[] {
  const windows: DateWindow[] = []
  const day = (month: string, dayOfMonth: string, year: string | undefined) => {
    const at = MONTH_OF.get(month.toLowerCase())
    if (at === undefined || +dayOfMonth < 1 || +dayOfMonth > 31) return
    for (const one of year ? [+year] : years) windows.push(daysFrom(one, at, +dayOfMonth))
  }
  for (const [, year, month, dayOfMonth] of text.matchAll(ISO)) {
    if (+month! < 1 || +month! > 12) continue
    windows.push(dayOfMonth ? daysFrom(+year!, +month! - 1, +dayOfMonth) : monthOf(+year!, +month! - 1))
  }
  for (const [, dayOfMonth, month, year] of text.matchAll(DAY_FIRST)) day(month!, dayOfMonth!, year)
  for (const [, month, dayOfMonth, year] of text.matchAll(MONTH_FIRST)) day(month!, dayOfMonth!, year)
  if (windows.length > 0) return windows
  for (const [, month, year] of text.matchAll(MONTH_AND_YEAR))
    windows.push(monthOf(+year!, MONTH_OF.get(month!.toLowerCase())!))
  if (windows.length > 0) return windows
  for (const [year] of text.matchAll(BARE_YEAR))
    windows.push({ from: Date.UTC(+year, 0), to: Date.UTC(+year + 1, 0) })
  return windows
}

function daysFrom(year: number, month: number, day: number): DateWindow {
  return { from: Date.UTC(year, month, day), to: Date.UTC(year, month, day + 1) }
}

function monthOf(year: number, month: number): DateWindow {
  return { from: Date.UTC(year, month), to: Date.UTC(year, month + 1) }
}

/** `2026-01-02`, UTC. */
export function dayText(at: number): string {
  const date = new Date(at)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 10)
}
