/**
 * Control characters and those that change the direction of text: what somebody else wrote must not steer the
 * reader's terminal.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const UNSAFE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/g
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const MARK = /\p{Mark}|\u200d/u

/** Text of others, safe for a terminal; lines stay. */
export function safe(text: string): string {
  return text.replaceAll('\r\n', '\n').replace(UNSAFE, '\ufffd')
}

/** The same on one line. */
export function oneLine(text: string): string {
  return safe(text.replace(/\s+/g, ' ').trim())
}

/** Columns that a terminal uses for it. */
export function width(text: string): number {
  let columns = 0
  for (const character of text) columns += MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return columns
}

/** At most `columns` wide, with an ellipsis where something is missing. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text
  let used = 1
  let kept = ''
  for (const character of text) {
    used += width(character)
    if (used > columns) break
    kept += character
  }
  return `${kept}…`
}

/** Local time: `2026-01-02 03:04`. */
export function date(millis: number | null | undefined): string {
  if (millis === null || millis === undefined) return '-'
  const at = new Date(millis)
  if (Number.isNaN(at.getTime())) return '-'
  const two = (part: number) => String(part).padStart(2, '0')
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}`
}

/** `1 unit`, `2 units`, `12,345 units`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number.toLocaleString('en-US')} ${number === 1 ? singular : plural}`
}

/** `800 ms`, `1.2 s`, `3 min 5 s`. */
export function duration(millis: number): string {
  if (millis < 1_000) return `${Math.round(millis)} ms`
  if (millis < 60_000) return `${(millis / 1_000).toFixed(1)} s`
  const seconds = Math.round(millis / 1_000)
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  return `${Math.floor(seconds / 3_600)} h ${Math.floor((seconds % 3_600) / 60)} min`
}

/** `512 B`, `1.5 MB`, in units of 1000. */
export function bytes(number: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const)
    if (number >= size) return `${(number / size).toFixed(1)} ${unit}`
  return `${number} B`
}
