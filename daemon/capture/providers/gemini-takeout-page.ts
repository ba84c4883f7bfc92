import { decodeEntities } from './html-entities.ts'
import { htmlMarkdown } from './html-markdown.ts'
import { attributeOf, hasClass, htmlTokens } from './html-tokens.ts'
import { localInstant } from './local-instant.ts'
import type { TextProvider } from './provider.ts'
import { type Activity, activityConversations, appIdIn, isImageName } from './takeout-activity.ts'

const PRODUCT = 'Gemini Apps'
/** What stands before a cell of the log, and what names its product. */
const CELL = /<div class="outer-cell[^"]*">/g
const HEADER = /<p class="mdl-typography--title">([^<]*)<br/

/** Gemini in Google Takeout, the HTML form: a page of cells, times in local words. */
export const geminiTakeoutPage: TextProvider = {
  kind: 'text',
  name: 'gemini',
  title: 'Gemini (Google Takeout)',
  validated: false,

  detect(beginning) {
    const cell = beginning.search(/<div class="outer-cell/)
    return cell !== -1 && productOf(beginning.slice(cell, cell + 2_000)) === PRODUCT
  },

  parse(page) {
    const starts = [...page.matchAll(CELL)].map(({ index }) => index)
    const cells = starts.map((start, number) => page.slice(start, starts[number + 1]))
    return activityConversations(
      cells.filter((cell) => productOf(cell.slice(0, 2_000)) === PRODUCT).map(activity),
    )
  },
}

function productOf(cell: string): string | undefined {
  const name = HEADER.exec(cell)?.[1]
  return name === undefined ? undefined : decodeEntities(name).trim()
}

/** `VERB prompt<br>[attachments<br>]time<br>answer` in the first content cell. */
function activity(cell: string): Activity {
  const raw = Buffer.from(cell)
  const { from, to } = contentOf(cell)
  const lines = linesOf(cell, from, to)
  const timeAt = lines.findIndex(({ text }) => localInstant(text) !== undefined)
  const before = lines.slice(0, timeAt === -1 ? 1 : timeAt)
  const links = [...cell.slice(from, to).matchAll(/<a\s([^>]*)>/g)].map(([, attributes]) =>
    attributeOf(attributes ?? '', 'href'),
  )
  const fileLines = before.filter(({ text }, index) => index > 0 && /^(?:Attached \d+ file|-\s)/.test(text))
  const files = fileLines.flatMap(({ text }) => (text.startsWith('-') ? [text.slice(1).trim()] : []))
  const answer = timeAt === -1 ? '' : htmlMarkdown(cell, lines[timeAt]!.end, to)
  return {
    title: before
      .filter((line) => !fileLines.includes(line))
      .map(({ text }) => text)
      .join('\n')
      .trim(),
    at: timeAt === -1 ? undefined : localInstant(lines[timeAt]!.text),
    answers: answer === '' ? [] : [answer],
    files: files.map((name) => ({ name, isImage: isImageName(name) })),
    appId: links.map(appIdIn).find((id) => id !== undefined),
    raw,
  }
}

/** Inside the first `content-cell`. */
function contentOf(cell: string): { from: number; to: number } {
  let depth = 0
  let from = -1
  for (const token of htmlTokens(cell)) {
    if (token.kind === 'text' || token.name !== 'div') continue
    if (from === -1) {
      if (token.kind === 'open' && hasClass(token.attributes, 'content-cell')) from = token.end
      continue
    }
    depth += token.kind === 'open' ? 1 : -1
    if (depth < 0) return { from, to: token.at }
  }
  return { from: from === -1 ? cell.length : from, to: cell.length }
}

/** Plain lines up to the time; the answer behind it is HTML of any kind. */
function linesOf(cell: string, from: number, to: number): { text: string; end: number }[] {
  const lines: { text: string; end: number }[] = []
  let line = ''
  for (const token of htmlTokens(cell, from, to)) {
    if (token.kind === 'text') line += decodeEntities(token.text).replaceAll('\u00a0', ' ')
    else if (token.name === 'br') {
      lines.push({ text: line.trim(), end: token.end })
      if (localInstant(line.trim()) !== undefined) return lines
      line = ''
    }
  }
  lines.push({ text: line.trim(), end: to })
  return lines
}
