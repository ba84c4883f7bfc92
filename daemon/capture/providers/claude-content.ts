import type { Part } from '../../../schema/capture.ts'
import { isObject, type Json, type JsonObject, list, objects, stated, text } from './json-value.ts'

/** What `text` says in place of blocks that old apps could not show: about one message in seven. */
const JUNK = /\n*```\nThis block is not supported on your current device yet\.\n```\n*/g

/** The parts of a message: `content` is authoritative, `text` serves where there is none; then attachments and files. */
export function claudeParts(message: JsonObject): Part[] {
  const blocks = list(message.content)
  const parts = blocks.length > 0 ? blocks.flatMap(blockParts) : textParts(message)
  return [...parts, ...objects(message.attachments).map(attachment), ...fileParts(message)]
}

/** `text`, or `content` where it is a plain string. */
function textParts(message: JsonObject): Part[] {
  const words = (text(message.text) ?? text(message.content) ?? '').replace(JUNK, '\n\n')
  return words.trim() === '' ? [] : [{ type: 'text', content: words === message.text ? words : words.trim() }]
}

function blockParts(block: Json): Part[] {
  if (typeof block === 'string') return block === '' ? [] : [{ type: 'text', content: block }]
  if (!isObject(block)) return []
  switch (block.type) {
    case 'text':
      return [...(text(block.text) ? [part('text', String(block.text), {})] : []), ...citations(block)]
    case 'thinking':
      return [
        part('thought', text(block.thinking) ?? '', {
          summaries: objects(block.summaries).flatMap(({ summary }) => text(summary) ?? []),
          cutOff: block.cut_off || undefined,
        }),
      ]
    case 'redacted_thinking':
      return [part('thought', '', { redacted: true })]
    case 'tool_use':
      return toolCall(block)
    case 'tool_result':
      return [toolResult(block)]
    case 'image':
      return [imagePart(block)]
    // Bookkeeping of the provider, nothing anybody wrote.
    case 'token_budget':
      return []
    default:
      return [part('file', text(block.text) ?? '', { block })]
  }
}

/** An artifact's text is a part of its own behind the call that made it, so that it can be found. */
function toolCall({ id, name, input, message }: JsonObject): Part[] {
  if (!isObject(input) || typeof input.content !== 'string' || name !== 'artifacts')
    return [part('tool_call', text(message) ?? '', { id, name, arguments: input })]
  const { content, ...rest } = input
  const { type, language } = artifactForm(input)
  const artifact = part(type, content, { artifact: input.title ?? input.id ?? true, of: id })
  return [
    part('tool_call', text(message) ?? '', { id, name, arguments: rest }),
    language === undefined ? artifact : { ...artifact, language },
  ]
}

const ARTIFACT_LANGUAGES: ReadonlyMap<unknown, string> = new Map([
  ['text/html', 'html'],
  ['image/svg+xml', 'svg'],
  ['application/vnd.ant.react', 'jsx'],
])

function artifactForm({ type, language }: JsonObject): { type: Part['type']; language?: string } {
  const named = text(language)?.toLowerCase().slice(0, 100) ?? ARTIFACT_LANGUAGES.get(type)
  if (type === 'application/vnd.ant.mermaid') return { type: 'mermaid' }
  if (named !== undefined) return { type: 'code', language: named }
  return { type: type === 'application/vnd.ant.code' ? 'code' : 'text' }
}

function toolResult({ tool_use_id, name, content, is_error }: JsonObject): Part {
  const items = typeof content === 'string' ? [content] : list(content)
  const words = items.flatMap(
    (item) => (typeof item === 'string' ? item : isObject(item) ? text(item.text) : []) ?? [],
  )
  const others = items.filter((item) => isObject(item) && (item.type !== 'text' || !text(item.text)))
  return part('tool_result', words.join('\n'), {
    id: tool_use_id,
    name,
    isError: is_error === true || undefined,
    items: others,
  })
}

function citations({ citations: cited }: JsonObject): Part[] {
  return objects(cited).flatMap((citation) => {
    const details = isObject(citation.details) ? citation.details : citation
    const { url, title } = details
    if (!text(url) && !text(title)) return []
    const { start_index: start, end_index: end } = citation
    return [part('citation', text(title) ?? text(url) ?? '', { url, title, kind: details.type, start, end })]
  })
}

function imagePart({ source, file_uuid, ...rest }: JsonObject): Part {
  const { type: _, ...about } = rest
  if (!isObject(source)) return part('image', '', { id: file_uuid, ...about })
  return part('image', text(source.url) ?? text(source.data) ?? '', {
    id: file_uuid,
    mediaType: source.media_type,
    encoding: source.type,
    ...about,
  })
}

/** Carries the document's full text: a part of its own, never the user's words. */
function attachment({ file_name, file_size, file_type, extracted_content, id }: JsonObject): Part {
  return part('file', text(extracted_content) ?? '', {
    id,
    name: file_name,
    mimeType: file_type,
    sizeBytes: file_size,
    attachment: true,
  })
}

/** `files` and, in newer exports, `files_v2`, which names the same ones. */
function fileParts(message: JsonObject): Part[] {
  const seen = new Set<string>()
  return [...objects(message.files), ...objects(message.files_v2)].flatMap((file) => {
    const { file_uuid, file_name, file_kind, preview_url } = file
    const name = JSON.stringify([file_uuid, file_name])
    if (seen.has(name)) return []
    seen.add(name)
    const about = { id: file_uuid, name: file_name, kind: file_kind }
    return [file_kind === 'image' ? part('image', text(preview_url) ?? '', about) : part('file', '', about)]
  })
}

function part(type: Part['type'], content: string, fields: Record<string, Json | undefined>): Part {
  const metadata = stated(fields)
  return { type, content, ...(metadata ? { metadata } : {}) }
}
