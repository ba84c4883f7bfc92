import type { Part } from '../../../schema/capture.ts'
import { textWithCitations } from './chatgpt-citations.ts'
import { isObject, type Json, type JsonObject, list, objects, stated, text } from './json-value.ts'

/** Kinds of content that hold what the user told ChatGPT about themselves, or what it noted: never a turn. */
const CONTEXT_TYPES = new Set(['user_editable_context', 'model_editable_context'])

export function isContext(content: JsonObject): boolean {
  return CONTEXT_TYPES.has(String(content.content_type))
}

/** The parts of a message in source order: its content, then its attachments. */
export function chatgptParts(message: JsonObject): Part[] {
  const content = isObject(message.content) ? message.content : {}
  const metadata = isObject(message.metadata) ? message.metadata : {}
  const parts = contentParts(content, {
    tool: toolName(message),
    recipient: recipientOf(message),
    references: [...objects(metadata.content_references), ...objects(metadata.citations)],
  })
  return withAttachments(parts, objects(metadata.attachments))
}

interface Around {
  /** Name of the tool that speaks, when one does. */
  readonly tool: string | undefined
  /** The tool a message is sent to, when it is not for the reader. */
  readonly recipient: string | undefined
  readonly references: readonly JsonObject[]
}

function contentParts(content: JsonObject, around: Around): Part[] {
  const { tool, recipient } = around
  switch (content.content_type) {
    case 'code':
      return [codePart(content, recipient)]
    case 'execution_output':
    case 'system_error':
      return [part('tool_result', text(content.text) ?? '', { name: tool, error: content.name })]
    case 'tether_browsing_display': {
      const { result, summary, tether_id, assets } = content
      return [
        part('tool_result', text(result) ?? text(summary) ?? '', {
          name: tool,
          summary: text(result) ? summary : undefined,
          tetherId: tether_id,
          assets,
        }),
      ]
    }
    case 'tether_quote':
    case 'sonic_webpage': {
      const { url, title, domain, tether_id, snippet } = content
      return [
        part('citation', text(content.text) ?? '', { url, title, domain, tetherId: tether_id, snippet }),
      ]
    }
    case 'thoughts':
      return thoughtParts(content)
    case 'reasoning_recap':
      return textsOf(content).map((recap) => part('thought', recap, { recap: true }))
    case 'user_editable_context':
      return contextParts(content, ['user_profile', 'user_instructions'])
    case 'model_editable_context':
      return contextParts(content, ['model_set_context', 'repository', 'repo_summary'])
    default:
      return mixedParts(content, around)
  }
}

/** Code the reader would call code keeps its language; a command to a tool is a call. */
function codePart(content: JsonObject, recipient: string | undefined): Part {
  const language = text(content.language)?.toLowerCase().slice(0, 100)
  const isCode = language !== undefined && language !== 'unknown' && language !== 'json'
  const source = text(content.text) ?? ''
  if (recipient !== undefined && !isCode) return part('tool_call', source, { name: recipient })
  const code = part('code', source, { recipient })
  return isCode ? { ...code, language } : code
}

function thoughtParts(content: JsonObject): Part[] {
  const thoughts = objects(content.thoughts)
  if (thoughts.length === 0) return textsOf(content).map((thought) => part('thought', thought, {}))
  return thoughts.map((thought) =>
    part('thought', text(thought.content) ?? list(thought.chunks).filter(isText).join(''), {
      summary: thought.summary,
    }),
  )
}

function contextParts(content: JsonObject, names: readonly string[]): Part[] {
  return names.flatMap((name) => {
    const value = text(content[name])
    return value === undefined ? [] : [part('text', value, { kind: name })]
  })
}

/** `text`, `multimodal_text` and kinds not known yet: strings and objects in order. */
function mixedParts(content: JsonObject, around: Around): Part[] {
  const items = Array.isArray(content.parts)
    ? content.parts
    : [content.text ?? content.result ?? content.content]
  const parts = items.flatMap((item) => {
    if (typeof item === 'string') return item === '' ? [] : wordParts(item, around)
    return isObject(item) ? [pointerPart(item)] : []
  })
  const known = content.content_type === 'text' || content.content_type === 'multimodal_text'
  if (parts.length > 0 || known || Object.keys(content).length === 0) return parts
  return [part('file', '', { contentType: content.content_type, value: content })]
}

function wordParts(words: string, { tool, recipient, references }: Around): Part[] {
  if (recipient !== undefined) return [part('tool_call', words, { name: recipient })]
  if (tool !== undefined) return [part('tool_result', words, { name: tool })]
  return textWithCitations(words, references)
}

function pointerPart(item: JsonObject): Part {
  const { content_type: kind, asset_pointer: pointer, width, height, size_bytes: sizeBytes, ...rest } = item
  const content = text(pointer) ?? ''
  if (kind === 'image_asset_pointer') return part('image', content, { width, height, sizeBytes, ...rest })
  if (kind === 'audio_transcription')
    return part('text', text(item.text) ?? '', {
      kind,
      direction: item.direction,
      decodingId: item.decoding_id,
    })
  return part('file', content, { kind, width, height, sizeBytes, ...rest })
}

/** A file that is shown as an image already names it; the others are parts of their own. */
function withAttachments(parts: readonly Part[], attachments: readonly JsonObject[]): Part[] {
  const named = [...parts]
  for (const { id, name, mime_type, mimeType, size, file_id } of attachments) {
    const about = stated({ id: id ?? file_id, name, mimeType: mime_type ?? mimeType, sizeBytes: size })
    const image = named.findIndex(
      ({ type, content }) => type === 'image' && text(id) && content.endsWith(String(id)),
    )
    if (image === -1) named.push(part('file', '', { ...about, fileId: id === file_id ? undefined : file_id }))
    else named[image] = { ...named[image]!, metadata: { ...about, ...named[image]!.metadata } }
  }
  return named
}

function textsOf(content: JsonObject): string[] {
  const single = text(content.content) ?? text(content.text)
  return [...(single === undefined ? [] : [single]), ...list(content.parts).filter(isText)].filter(
    (one) => one !== '',
  )
}

function part(type: Part['type'], content: string, fields: Record<string, Json | undefined>): Part {
  const metadata = stated(fields)
  return { type, content, ...(metadata ? { metadata } : {}) }
}

function isText(value: Json): value is string {
  return typeof value === 'string'
}

export function recipientOf(message: JsonObject): string | undefined {
  const recipient = text(message.recipient)
  return recipient === 'all' ? undefined : recipient
}

function toolName({ author }: JsonObject): string | undefined {
  if (!isObject(author) || author.role !== 'tool') return undefined
  return text(author.name) ?? 'tool'
}
