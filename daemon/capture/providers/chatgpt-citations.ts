import type { Part } from '../../../schema/capture.ts'
import { type Json, type JsonObject, objects, stated, text } from './json-value.ts'

/** ChatGPT's own marks: private-use characters around `kind`, separators and references. */
const MARK = /\ue200([a-z_]+)((?:\ue202[^\ue200\ue201]*)?)\ue201/g
/** The older form: `【12†source】`. */
const OLD_MARK = /【[^【】\n]{0,40}†[^【】\n]{0,200}】/g
const LEFT_OVER = /[\ue200-\ue206]/g

interface Mark {
  /** UTF-16 offset in the text that is left. */
  readonly at: number
  readonly mark: string
}

/**
 * The words of a text part without citation marks, and what the marks stood for as citation parts behind it. Marks
 * and their places stay in the metadata, so nothing is lost.
 */
export function textWithCitations(source: string, references: readonly JsonObject[]): Part[] {
  const { content, marks } = withoutMarks(source)
  const cited = references.filter((reference) => isCitedIn(reference, source, marks))
  const metadata = marks.length === 0 ? undefined : { marks: marks.map(({ at, mark }) => ({ at, mark })) }
  const parts: Part[] = []
  if (content !== '' || metadata) parts.push({ type: 'text', content, ...(metadata ? { metadata } : {}) })
  const seen = new Set<string>()
  for (const reference of cited)
    for (const citation of citationsOf(reference)) {
      const name = JSON.stringify(citation)
      if (!seen.has(name)) parts.push(citation)
      seen.add(name)
    }
  return parts
}

function withoutMarks(source: string): { content: string; marks: Mark[] } {
  if (!/[\ue200-\ue206【]/.test(source)) return { content: source, marks: [] }
  const marks: Mark[] = []
  let content = ''
  let from = 0
  const found = [...source.matchAll(MARK), ...source.matchAll(OLD_MARK)].sort((a, b) => a.index - b.index)
  for (const match of found) {
    if (match.index < from) continue
    content += source.slice(from, match.index).replace(LEFT_OVER, '')
    from = match.index + match[0].length
    const shown = shownWords(match)
    if (shown === '') marks.push({ at: content.length, mark: match[0] })
    content += shown
  }
  return { content: content + source.slice(from).replace(LEFT_OVER, ''), marks }
}

/** Most marks stand for a footnote; these stand for words the reader sees. */
function shownWords([, kind, argument = '']: RegExpMatchArray): string {
  const [first = ''] = argument.split('\ue202').filter((piece) => piece !== '')
  if (kind === 'url' || kind === 'link') return first
  if (kind !== 'entity') return ''
  try {
    const value: unknown = JSON.parse(first)
    const name = Array.isArray(value) ? value[1] : undefined
    return typeof name === 'string' ? name : ''
  } catch {
    return ''
  }
}

function isCitedIn(reference: JsonObject, source: string, marks: readonly Mark[]): boolean {
  const matched = text(reference.matched_text)
  if (matched?.trim()) return source.includes(matched)
  // The older `citations` list names no text: it belongs to whatever carries marks.
  return marks.length > 0 && reference.metadata !== undefined
}

function citationsOf(reference: JsonObject): Part[] {
  const items = [...objects(reference.items), ...objects(reference.sources)]
  const sources = items.length > 0 ? items : [reference]
  return sources.flatMap((source) => {
    const about = (source.metadata ?? source) as JsonObject
    const url = text(about.url) ?? text(source.url)
    const title = text(about.title) ?? text(source.title) ?? text(about.name)
    if (url === undefined && title === undefined) return []
    const metadata = stated({
      url,
      title,
      kind: source.type ?? reference.type,
      mark: reference.matched_text,
      attribution: about.attribution,
      publishedAt: about.pub_date as Json,
      snippet: about.snippet ?? about.text,
    })
    return [{ type: 'citation', content: title ?? url ?? '', ...(metadata ? { metadata } : {}) }]
  })
}
