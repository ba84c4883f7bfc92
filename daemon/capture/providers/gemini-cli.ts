import type { CaptureMessage, Part } from '../../../schema/capture.ts'
import { conversationOf, messageOf, partOf, textParts } from './conversation-of.ts'
import { isObject, type Json, type JsonObject, list, objects, text } from './json-value.ts'
import type { ElementProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'

/** Gemini CLI: one session a file. */
export const geminiCli: ElementProvider = {
  name: 'gemini-cli',
  title: 'Gemini CLI',
  validated: true,

  detect({ sessionId, messages, projectHash }) {
    if (text(sessionId) === undefined || !Array.isArray(messages)) return false
    return text(projectHash) !== undefined || objects(messages).some(({ type }) => type === 'gemini')
  },

  parse(session) {
    const messages = objects(session.messages).map(spoken)
    return conversationOf({
      provider: 'gemini-cli',
      originalId: session.sessionId,
      title: text(session.summary) ?? titleFrom(messages),
      model: messages.findLast(({ model }) => model !== undefined)?.model,
      createdAt: session.startTime,
      updatedAt: session.lastUpdated,
      messages,
      metadata: { project: session.projectHash, kind: session.kind === 'chat' ? undefined : session.kind },
    })
  },
}

function spoken(message: JsonObject): CaptureMessage {
  const role = message.type === 'user' ? 'user' : message.type === 'gemini' ? 'assistant' : 'system'
  return messageOf({
    id: message.id,
    role,
    at: message.timestamp,
    model: role === 'assistant' ? message.model : undefined,
    parts: [
      ...objects(message.thoughts).map(({ subject, description }) =>
        partOf('thought', description, { summary: subject }),
      ),
      ...contentParts(message.content ?? null),
      ...objects(message.toolCalls).flatMap(toolParts),
    ],
    // Notices of the program: errors, information, warnings.
    hidden: role === 'system',
    metadata: { kind: role === 'system' ? message.type : undefined },
  })
}

function contentParts(content: Json): Part[] {
  return (Array.isArray(content) ? content : [content]).flatMap((item): Part[] => {
    if (typeof item === 'string') return textParts(item)
    if (!isObject(item)) return []
    if (text(item.text) !== undefined)
      return [item.thought === true ? partOf('thought', item.text) : partOf('text', item.text)]
    const inline = isObject(item.inlineData) ? item.inlineData : undefined
    if (inline) {
      const type = text(inline.mimeType)?.startsWith('image/') ? 'image' : 'file'
      return [partOf(type, inline.data, { mimeType: inline.mimeType, encoding: 'base64' })]
    }
    return [partOf('file', '', { item })]
  })
}

function toolParts({ id, name, args, result, status, resultDisplay }: JsonObject): Part[] {
  const responses = list(result).flatMap((each) => {
    const response =
      isObject(each) && isObject(each.functionResponse) ? each.functionResponse.response : undefined
    return isObject(response) ? [response] : []
  })
  const words = responses.map(({ output, error }) => text(output) ?? text(error) ?? '').join('\n')
  return [
    partOf('tool_call', '', { id, name, arguments: args }),
    partOf('tool_result', words === '' ? resultDisplay : words, {
      id,
      name,
      status: status === 'success' ? undefined : status,
    }),
  ]
}
