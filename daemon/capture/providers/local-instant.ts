const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
/** Hours from UTC; a name that is not here is taken for UTC. */
const ZONES: Readonly<Record<string, number>> = {
  UTC: 0,
  GMT: 0,
  Z: 0,
  WET: 0,
  WEST: 1,
  BST: 1,
  CET: 1,
  CEST: 2,
  EET: 2,
  EEST: 3,
  MSK: 3,
  IST: 5.5,
  JST: 9,
  KST: 9,
  AEST: 10,
  AEDT: 11,
  NZST: 12,
  NZDT: 13,
  AST: -4,
  ADT: -3,
  EST: -5,
  EDT: -4,
  CST: -6,
  CDT: -5,
  MST: -7,
  MDT: -6,
  PST: -8,
  PDT: -7,
}
const HOUR_MS = 3_600_000

const MONTH_FIRST =
  /^([A-Za-z]{3,9})\.? (\d{1,2}), (\d{4}),? (?:at )?(\d{1,2}):(\d\d)(?::(\d\d))?[\s\u202f]?([AaPp]\.?[Mm]\.?)?(?:\s+(\S+))?$/
const DAY_FIRST =
  /^(\d{1,2}) ([A-Za-z]{3,9})\.? (\d{4}),? (?:at )?(\d{1,2}):(\d\d)(?::(\d\d))?[\s\u202f]?([AaPp]\.?[Mm]\.?)?(?:\s+(\S+))?$/

/** Milliseconds UTC of a time as English pages write it: `Jul 26, 2026, 8:07:57 AM CEST`, `26 July 2026, 08:07:57 GMT+2`. */
export function localInstant(words: string): number | undefined {
  if (words.length > 60) return undefined
  const american = MONTH_FIRST.exec(words)
  const match = american ?? DAY_FIRST.exec(words)
  if (!match) return undefined
  const [, first = '', second = '', year, hours, minutes, seconds, half, zone] = match
  const month = MONTHS.indexOf((american ? first : second).slice(0, 3).toLowerCase())
  if (month === -1) return undefined
  const day = Number(american ? second : first)
  const clock = (Number(hours) % (half ? 12 : 24)) + (/^p/i.test(half ?? '') ? 12 : 0)
  const ms = Date.UTC(Number(year), month, day, clock, Number(minutes), Number(seconds ?? 0))
  return ms - offsetHours(zone ?? 'UTC') * HOUR_MS
}

function offsetHours(zone: string): number {
  const match = /^(?:GMT|UTC)?([+\u2212-])(\d{1,2})(?::?(\d\d))?$/.exec(zone)
  if (!match) return ZONES[zone.toUpperCase()] ?? 0
  const hours = Number(match[2]) + Number(match[3] ?? 0) / 60
  return match[1] === '+' ? hours : -hours
}
