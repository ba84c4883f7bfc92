import type { Part } from '../../../schema/capture.ts'
import {
  citationParts,
  conversationOf,
  idText,
  messageOf,
  partOf,
  placelessOf,
  roleNamed,
  textParts,
} from './conversation-of.ts'
import { partsWithDetails } from './details-blocks.ts'
import { instant } from './instants.ts'
import { isObject, type JsonObject, list, objects, text } from './json-value.ts'
import type { TreeNode } from './message-tree.ts'
import type { ElementProvider, ParsedElement } from './provider.ts'
import { type PlacelessMessage, treeMessages } from './tree-messages.ts'

/** Open WebUI: chats whose messages hang in a tree called `history`. */
export const openWebui: ElementProvider = {
  name: 'open-webui',
  title: 'Open WebUI',
  validated: true,
  detect: (element) => historyOf(element) !== undefined,
  parse: (element) => historyConversation('open-webui', element),
}

/** The tree of a chat in the form of Open WebUI, which others took over. */
export function historyOf({ chat }: JsonObject): JsonObject | undefined {
  if (!isObject(chat) || !isObject(chat.history) || !isObject(chat.history.messages)) return undefined
  return chat.history
}

export function historyConversation(
  provider: string,
  element: JsonObject,
  sourceUrl?: string,
): ParsedElement {
  const chat = isObject(element.chat) ? element.chat : {}
  const history = historyOf(element) ?? {}
  const nodes = Object.entries(isObject(history.messages) ? history.messages : {}).flatMap(
    ([key, message]): TreeNode<PlacelessMessage>[] =>
      isObject(message)
        ? [
            {
              key,
              parent: idText(message.parentId),
              at: instant(message.timestamp ?? message.created_at),
              message: spoken(key, message),
            },
          ]
        : [],
  )
  const { messages, notes, idAt } = treeMessages(nodes)
  const common = {
    provider,
    originalId: element.id ?? chat.id,
    sourceUrl,
    title: text(element.title) ?? chat.title,
    model: list(chat.models)[0],
    createdAt: element.created_at ?? chat.timestamp,
    updatedAt: element.updated_at,
    metadata: {
      archived: element.archived || undefined,
      pinned: element.pinned || undefined,
      tags: list(isObject(element.meta) ? element.meta.tags : undefined).filter(text),
      system: chat.system,
    },
  }
  if (messages.length > 0)
    return conversationOf({ ...common, messages, currentMessageId: idAt(idText(history.currentId)), notes })
  // Older chats have the shown branch only.
  const plain = objects(chat.messages).map((message) =>
    messageOf({ ...spoken(idText(message.id) ?? '', message), id: message.id, at: message.timestamp }),
  )
  return conversationOf({ ...common, messages: plain })
}

function spoken(id: string, message: JsonObject): PlacelessMessage {
  const role = roleNamed(message.role)
  const output = objects(message.output)
  const words = output.length > 0 ? output.flatMap(outputParts) : contentParts(message)
  return placelessOf({
    id,
    role,
    parts: [...words, ...objects(message.files).map(filePart), ...sourceParts(message)],
    model: role === 'assistant' ? (text(message.model) ?? message.modelName) : undefined,
    metadata: {
      error: message.error,
      unfinished: message.done === false || undefined,
      sourceRole: role === 'system' && message.role !== 'system' ? message.role : undefined,
    },
  })
}

/** The same as in the text, in a better form. */
function outputParts(item: JsonObject): Part[] {
  const words = [...objects(item.content), ...objects(item.output), ...objects(item.summary)]
    .map((each) => text(each.text) ?? '')
    .join('')
  switch (item.type) {
    case 'message':
      return textParts(words)
    case 'reasoning':
      return [partOf('thought', words, { seconds: item.duration })]
    case 'function_call':
      return [partOf('tool_call', item.arguments, { id: item.call_id, name: item.name })]
    case 'function_call_output':
      return [partOf('tool_result', text(item.output) ?? words, { id: item.call_id })]
    default:
      return [partOf('file', words, { item })]
  }
}

function contentParts({ content, content_list, reasoning_content }: JsonObject): Part[] {
  const thought = text(reasoning_content)
  const before = thought === undefined ? [] : [partOf('thought', thought)]
  if (typeof content === 'string' && content !== '') return [...before, ...partsWithDetails(content)]
  const items = [...list(content), ...list(content_list)]
  return [
    ...before,
    ...items.flatMap((item): Part[] => {
      if (typeof item === 'string') return textParts(item)
      if (!isObject(item)) return []
      const words = text(item.text) ?? text(item.content)
      if (item.phase === 'think' || item.type === 'reasoning') return [partOf('thought', words)]
      const image = isObject(item.image_url) ? item.image_url.url : (item.image_url ?? item.image)
      if (text(image)) return [partOf('image', image)]
      return words === undefined ? [partOf('file', '', { item })] : partsWithDetails(words)
    }),
  ]
}

function filePart(file: JsonObject): Part {
  const inner = isObject(file.file) ? file.file : file
  const data = isObject(inner.data) ? inner.data : {}
  const about = {
    id: file.id ?? inner.id,
    name: file.name ?? inner.filename ?? inner.name,
    sizeBytes: file.size ?? inner.size,
    mimeType: file.content_type ?? inner.content_type,
  }
  if (file.type === 'image') return partOf('image', file.url, about)
  return partOf('file', data.content, { ...about, url: file.url })
}

function sourceParts({ sources, citations }: JsonObject): Part[] {
  return citationParts(
    [...objects(sources), ...objects(citations)].map((each) => (isObject(each.source) ? each.source : each)),
  )
}
