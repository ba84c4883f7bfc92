import { isObject } from './json-value.ts'

/** The latest instant a date can hold. */
const MAX_MS = 8_640_000_000_000_000
/** Numbers below are seconds (until the year 5138), then milliseconds, then microseconds. */
const MAX_SECONDS = 1e11
const MAX_MILLISECONDS = 1e14

/**
 * Milliseconds UTC of a time as exports write it: seconds, milliseconds or microseconds as a number or digits,
 * ISO 8601 (UTC when it names no offset), or `{"$date": …}`. Undefined for anything else.
 */
export function instant(value: unknown): number | undefined {
  if (typeof value === 'number') return fromNumber(value)
  if (typeof value === 'string') return fromText(value.trim())
  if (isObject(value)) return instant(value.$date ?? value.$numberLong)
  return undefined
}

function fromNumber(value: number): number | undefined {
  const ms = value < MAX_SECONDS ? value * 1_000 : value < MAX_MILLISECONDS ? value : value / 1_000
  const whole = Math.round(ms)
  return whole > 0 && whole <= MAX_MS ? whole : undefined
}

function fromText(value: string): number | undefined {
  if (/^\d{1,20}(?:\.\d+)?$/.test(value)) return fromNumber(Number(value))
  if (!/^\d{4}-\d\d-\d\d/.test(value)) return undefined
  const date = value.replace(' ', 'T')
  const hasTime = date.includes('T')
  const hasOffset = /(?:Z|[+-]\d\d:?\d\d)$/i.test(date)
  const ms = Date.parse(hasTime && !hasOffset ? `${date}Z` : date)
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms
}
