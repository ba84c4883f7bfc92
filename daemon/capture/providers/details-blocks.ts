import type { Part } from '../../../schema/capture.ts'
import { partOf, textParts } from './conversation-of.ts'
import { decodeEntities } from './html-entities.ts'

const OPEN = '<details type="'
const CLOSE = '</details>'
const KINDS: ReadonlySet<string> = new Set(['reasoning', 'tool_calls', 'code_interpreter'])

/** Thoughts and tool calls that Open WebUI and its children write as `<details type="…">` into the text. */
export function partsWithDetails(content: string): Part[] {
  const parts: Part[] = []
  let from = 0
  for (let at = content.indexOf(OPEN); at !== -1; at = content.indexOf(OPEN, at + 1)) {
    const kind = content.slice(at + OPEN.length, content.indexOf('"', at + OPEN.length))
    const tagEnd = content.indexOf('>', at)
    const end = content.indexOf(CLOSE, at)
    if (end === -1) break
    if (!KINDS.has(kind) || tagEnd > end) continue
    parts.push(...textParts(content.slice(from, at)))
    parts.push(...detailsParts(kind, content.slice(at, tagEnd), content.slice(tagEnd + 1, end)))
    from = end + CLOSE.length
    at = from - 1
  }
  return [...parts, ...textParts(content.slice(from))]
}

function detailsParts(kind: string, tag: string, inner: string): Part[] {
  const attribute = (name: string) => {
    const value = new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1]
    return value === undefined ? undefined : decodeEntities(value)
  }
  const summaryEnd = inner.indexOf('</summary>')
  const body = decodeEntities(
    summaryEnd === -1 ? inner : inner.slice(summaryEnd + '</summary>'.length),
  ).trim()
  if (kind === 'reasoning') return [partOf('thought', unquoted(body), { seconds: attribute('duration') })]
  const id = attribute('id')
  const name = attribute('name')
  if (kind === 'code_interpreter')
    return [
      partOf('tool_call', body, { name: 'code_interpreter' }),
      ...result(attribute('output'), 'code_interpreter'),
    ]
  const call = attribute('arguments')
  return [
    ...(name === undefined && call === undefined ? [] : [partOf('tool_call', call, { id, name })]),
    ...result(attribute('result') ?? body, name, id),
  ]
}

function result(content: string | undefined, name: string | undefined, id?: string): Part[] {
  return content === undefined || content === '' ? [] : [partOf('tool_result', content, { id, name })]
}

/** Each line of a thought is quoted. */
function unquoted(body: string): string {
  return body.replace(/^> ?/gm, '')
}
