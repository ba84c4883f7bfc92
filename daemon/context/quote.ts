/**
 * Captured text is data. It stands in fences longer than any run of backticks inside, only entries begin at the
 * start of a line, and only we write citation handles: nothing quoted can end its fence, pose as another entry or
 * claim a citation.
 */

/** What looks like one of our handles, whatever stands between the brackets' parts. */
const HANDLE = /[[［【]\s*([cCсС])\s*(\p{Nd}+)\s*[\]］】]/gu
const LINE_BREAKS = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/g
/** Control characters, and marks that reorder what follows them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const INVISIBLE = /[\u0000-\u0008\u000e-\u001f\u007f\u200b\u2060\u202a-\u202e\u2066-\u2069\ufeff]/g

/** Quoted text of several lines: lines after the first are indented. */
export function quoteText(text: string): string {
  return safe(text).replace(LINE_BREAKS, '\n').trimEnd().replaceAll('\n', '\n  ')
}

/** Quoted text for one line: titles, names, labels. */
export function quoteLine(text: string, limit = 120): string {
  const line = safe(text).replace(LINE_BREAKS, ' ').replace(/\s+/g, ' ').trim()
  return line.length <= limit
    ? line
    : `${line
        .slice(0, limit - 1)
        .trimEnd()
        .toWellFormed()}…`
}

/** A fenced block that its content cannot end. */
export function fenced(content: string): string {
  const longest = content.match(/`+/g)?.reduce((most, run) => Math.max(most, run.length), 0) ?? 0
  const fence = '`'.repeat(Math.max(3, longest + 1))
  return `${fence}quoted\n${content}\n${fence}\n`
}

function safe(text: string): string {
  return text.toWellFormed().replace(INVISIBLE, '').replace(HANDLE, '($1$2)')
}
