import type { Part } from '../../../schema/capture.ts'
import { conversationOf, idText, partOf, placelessOf, roleNamed, textParts } from './conversation-of.ts'
import { instant } from './instants.ts'
import { type JsonObject, list, objects, text } from './json-value.ts'
import type { TreeNode } from './message-tree.ts'
import type { ListedElement, ListProvider, ParsedGroup } from './provider.ts'
import { titleFrom } from './title-from.ts'
import { type PlacelessMessage, treeMessages } from './tree-messages.ts'

/** Mistral Le Chat: a file a chat, an array of its messages in no certain order. */
export const leChat: ListProvider = {
  kind: 'list',
  name: 'le-chat',
  title: 'Mistral Le Chat',
  validated: false,

  detect: ({ chatId, role, createdAt, version, contentChunks }) =>
    text(chatId) !== undefined &&
    text(role) !== undefined &&
    instant(createdAt) !== undefined &&
    (typeof version === 'number' || contentChunks !== undefined),

  parse(elements) {
    const chats = Map.groupBy(elements, ({ value }) => text(value.chatId) ?? '')
    return [...chats].filter(([id]) => id !== '').map(([id, lines]) => chat(id, lines))
  },
}

/**
 * A question and its answers share their place: messages are ordered by time, and what has the version of another
 * answer to the same question is a branch beside it.
 */
function chat(id: string, lines: readonly ListedElement[]): ParsedGroup {
  const ordered = lines
    .map(({ value }, index) => ({ value, index, at: instant(value.createdAt) ?? 0 }))
    .sort((a, b) => a.at - b.at || a.index - b.index)
  const nodes = new Map<string, TreeNode<PlacelessMessage>>()
  let question: string | undefined
  let last: { key: string; parent: string | undefined; role: string; version: number } | undefined
  for (const { value, index } of ordered) {
    const key = idText(value.id) ?? `#${index}`
    if (nodes.has(key)) continue
    const role = roleNamed(value.role)
    const version = typeof value.version === 'number' ? value.version : 0
    const isOther = last !== undefined && last.role === role && version > 0 && version !== last.version
    const parent: string | undefined =
      text(value.parentId) ??
      (isOther ? last!.parent : role === 'assistant' ? (question ?? last?.key) : last?.key)
    nodes.set(key, { key, parent, at: instant(value.createdAt), message: spoken(key, value) })
    if (role === 'user') question = key
    last = { key, parent, role, version }
  }
  const { messages, notes } = treeMessages([...nodes.values()])
  const parsed = conversationOf({
    provider: 'le-chat',
    originalId: id,
    sourceUrl: `https://chat.mistral.ai/chat/${id}`,
    title: titleFrom(messages),
    messages,
    notes: nodes.size < lines.length ? [...notes, 'messages with the id of another'] : notes,
  })
  return { parsed, raw: lines.map(({ bytes }) => bytes) }
}

function spoken(id: string, message: JsonObject): PlacelessMessage {
  const role = roleNamed(message.role)
  const chunks = objects(message.contentChunks)
  return placelessOf({
    id,
    role,
    parts: [
      ...objects(message.quotes).map(({ content, text: words, ...about }) =>
        partOf('citation', words ?? content, { quote: true, ...about }),
      ),
      ...(chunks.length > 0 ? chunks.flatMap(chunkParts) : textParts(message.content)),
      ...objects(message.canvas).map(({ content, title, type, language }) =>
        canvasPart(content, title, type, language),
      ),
      ...objects(message.files).map((file) =>
        partOf(text(file.type)?.startsWith('image') ? 'image' : 'file', file.content, {
          id: file.id,
          name: file.name,
          mimeType: file.type ?? file.mimeType,
          sizeBytes: file.size,
          url: file.url,
        }),
      ),
    ],
    model: role === 'assistant' ? message.model : undefined,
    metadata: {
      version: typeof message.version === 'number' && message.version > 0 ? message.version : undefined,
      preferenceOver: message.preferenceOver,
    },
  })
}

function chunkParts(chunk: JsonObject): Part[] {
  switch (chunk.type) {
    case 'text':
      return textParts(chunk.text)
    case 'thinking':
      return [partOf('thought', text(chunk.thinking) ?? list(chunk.thinking).map(wordsOf).join(''))]
    case 'tool_call':
      return [
        partOf('tool_call', '', {
          id: chunk.id,
          name: chunk.name,
          arguments: chunk.arguments ?? chunk.publicArguments,
        }),
      ]
    case 'reference':
      return [
        partOf('citation', text(chunk.title) ?? text(chunk.url) ?? '', {
          url: chunk.url,
          title: chunk.title,
          references: chunk.referenceIds,
        }),
      ]
    case 'image_url':
      return [partOf('image', text(chunk.imageUrl) ?? chunk.image_url)]
    default:
      return [partOf('file', chunk.text, { chunk })]
  }
}

function wordsOf(value: unknown): string {
  return typeof value === 'object' && value !== null && 'text' in value
    ? (text(value.text) ?? '')
    : (text(value) ?? '')
}

function canvasPart(content: unknown, title: unknown, type: unknown, language: unknown): Part {
  const name = text(language)?.toLowerCase().slice(0, 100)
  const part = partOf(type === 'code' ? 'code' : 'text', content, { artifact: text(title) ?? true })
  return name === undefined || type !== 'code' ? part : { ...part, language: name }
}
