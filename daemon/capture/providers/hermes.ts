import type { CaptureMessage } from '../../../schema/capture.ts'
import { conversationOf, messageOf, partOf, textParts } from './conversation-of.ts'
import { isObject, type JsonObject, text } from './json-value.ts'
import type { ListedElement, ListProvider, ParsedGroup } from './provider.ts'
import { titleFrom } from './title-from.ts'

/** Hermes: a log of scopes, of which those of models and tools say something. */
export const hermes: ListProvider = {
  kind: 'list',
  name: 'hermes',
  title: 'Hermes agent log',
  validated: true,

  detect: ({ atof_version, kind, scope_category }) =>
    atof_version !== undefined && text(kind) !== undefined && text(scope_category) !== undefined,

  parse(lines) {
    const sessions = Map.groupBy(lines, ({ value }) => sessionOf(value))
    return [...sessions].map(([id, said]) => conversation(id, said))
  },
}

function sessionOf({ metadata }: JsonObject): string {
  return (isObject(metadata) ? text(metadata.session_id) : undefined) ?? ''
}

function conversation(id: string, lines: readonly ListedElement[]): ParsedGroup {
  const messages = lines.flatMap(({ value }) => spoken(value))
  const agent = lines.map(({ value }) => value).find(({ category }) => category === 'agent')
  const parsed = conversationOf({
    provider: 'hermes',
    originalId: id,
    title: titleFrom(messages) ?? agent?.name,
    createdAt: agent?.timestamp,
    messages,
    metadata: { agent: agent?.name },
  })
  return { parsed, raw: lines.map(({ bytes }) => bytes) }
}

function spoken(line: JsonObject): CaptureMessage[] {
  const data = isObject(line.data) ? line.data : {}
  const about = { id: line.uuid && `${line.uuid}/${line.scope_category}`, at: line.timestamp }
  const isStart = line.scope_category === 'start'
  if (line.category === 'llm') {
    const parts = textParts(isStart ? data.content : (data.assistant_message ?? data.content))
    if (parts.length === 0) return []
    const model = isStart ? undefined : (data.model ?? line.name)
    return [messageOf({ ...about, role: isStart ? 'user' : 'assistant', parts, model })]
  }
  if (line.category !== 'tool') return []
  const fields = { id: line.uuid, name: line.name }
  const part = isStart
    ? partOf('tool_call', data.content, { ...fields, arguments: data.arguments ?? data.input })
    : partOf('tool_result', text(data.content) ?? data.output ?? data.result, fields)
  return [messageOf({ ...about, role: isStart ? 'assistant' : 'tool', parts: [part] })]
}
