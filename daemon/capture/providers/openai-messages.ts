import type { CaptureMessage, Part } from '../../../schema/capture.ts'
import { conversationOf, messageOf, partOf, roleNamed, textParts } from './conversation-of.ts'
import { isObject, type Json, type JsonObject, list, objects, text } from './json-value.ts'
import type { ElementProvider } from './provider.ts'
import { titleFrom } from './title-from.ts'

/** Conversations in the form of OpenAI's API: `messages` with role and content, one conversation a line or element. */
export const openaiMessages: ElementProvider = {
  name: 'openai',
  title: 'OpenAI messages (JSONL)',
  validated: false,

  detect({ messages, mapping, chat_messages, sessionId }) {
    const all = objects(messages)
    if (mapping !== undefined || chat_messages !== undefined || sessionId !== undefined || all.length === 0)
      return false
    return all.every(
      ({ role, content, tool_calls, versions }) =>
        text(role) !== undefined &&
        versions === undefined &&
        (typeof content === 'string' ||
          Array.isArray(content) ||
          content === null ||
          Array.isArray(tool_calls)),
    )
  },

  parse(element) {
    const messages = objects(element.messages).map(spoken)
    return conversationOf({
      provider: 'openai',
      originalId: element.id ?? element.conversation_id,
      title: text(element.title) ?? titleFrom(messages),
      model: element.model,
      createdAt: element.created_at ?? element.created,
      messages,
    })
  },
}

function spoken(message: JsonObject): CaptureMessage {
  const role = roleNamed(message.role)
  const thought = text(message.reasoning_content) ?? text(message.reasoning)
  const words = contentParts(message.content ?? null)
  const isResult = role === 'tool'
  return messageOf({
    id: message.id,
    role,
    author: message.name,
    at: message.created_at ?? message.timestamp,
    hidden: role === 'system',
    parts: [
      ...(thought === undefined ? [] : [partOf('thought', thought)]),
      ...words.map((part) =>
        isResult && part.type === 'text'
          ? partOf('tool_result', part.content, { id: message.tool_call_id, name: message.name })
          : part,
      ),
      ...textParts(message.refusal, { refusal: true }),
      ...objects(message.tool_calls).map(callPart),
      ...(isObject(message.function_call) ? [callPart({ function: message.function_call })] : []),
    ],
    metadata: { sourceRole: role === 'system' && message.role !== 'system' ? message.role : undefined },
  })
}

function contentParts(content: Json): Part[] {
  if (typeof content === 'string') return textParts(content)
  return list(content).flatMap((item): Part[] => {
    if (typeof item === 'string') return textParts(item)
    if (!isObject(item)) return []
    switch (item.type) {
      case 'text':
      case 'input_text':
      case 'output_text':
        return textParts(item.text)
      case 'image_url':
      case 'input_image':
        return [partOf('image', isObject(item.image_url) ? item.image_url.url : item.image_url)]
      case 'input_audio':
        return [
          partOf('file', isObject(item.input_audio) ? item.input_audio.data : '', {
            kind: 'audio',
            encoding: 'base64',
          }),
        ]
      case 'refusal':
        return textParts(item.refusal, { refusal: true })
      default:
        return [partOf('file', item.text, { item })]
    }
  })
}

function callPart(call: JsonObject): Part {
  const made = isObject(call.function) ? call.function : call
  return partOf('tool_call', made.arguments, { id: call.id, name: made.name })
}
