import type { Part } from '../../../schema/capture.ts'
import { conversationOf, idText, partOf, placelessOf, textParts } from './conversation-of.ts'
import { instant } from './instants.ts'
import { isObject, type JsonObject, list, objects, text } from './json-value.ts'
import type { TreeNode } from './message-tree.ts'
import type { ElementProvider } from './provider.ts'
import { type PlacelessMessage, treeMessages } from './tree-messages.ts'

const ROOT = '00000000-0000-0000-0000-000000000000'

/** LibreChat: one conversation a file; messages in a list, or each inside the one it follows. */
export const librechat: ElementProvider = {
  name: 'librechat',
  title: 'LibreChat',
  validated: false,

  detect({ conversationId, messages, messagesTree }) {
    if (text(conversationId) === undefined) return false
    const all = [...objects(messages), ...objects(messagesTree)]
    return all.some(
      ({ messageId, isCreatedByUser, sender }) =>
        text(messageId) && (isCreatedByUser !== undefined || sender),
    )
  },

  parse(element) {
    const raw = flattened([...objects(element.messages), ...objects(element.messagesTree)])
    const nodes = new Map<string, TreeNode<PlacelessMessage>>()
    for (const { message, above } of raw) {
      const key = idText(message.messageId) ?? `#${nodes.size}`
      const named = idText(message.parentMessageId)
      const node = {
        key,
        parent: named === ROOT ? undefined : (named ?? above),
        at: instant(message.createdAt),
        message: spoken(key, message),
      }
      if (!nodes.has(key)) nodes.set(key, node)
    }
    const { messages, notes } = treeMessages([...nodes.values()])
    const options = isObject(element.options) ? element.options : {}
    return conversationOf({
      provider: 'librechat',
      originalId: element.conversationId,
      title: element.title,
      model: options.model ?? messages.findLast(({ model }) => model !== undefined)?.model,
      createdAt: element.createdAt,
      updatedAt: element.updatedAt,
      messages,
      metadata: { endpoint: element.endpoint, exportedAt: element.exportAt },
      notes: nodes.size < raw.length ? [...notes, 'messages with the id of another'] : notes,
    })
  },
}

/** Without recursion: an export may nest as deep as a conversation is long. */
function flattened(roots: readonly JsonObject[]): { message: JsonObject; above: string | undefined }[] {
  const all: { message: JsonObject; above: string | undefined }[] = []
  const open = roots.map((message) => ({ message, above: undefined as string | undefined })).reverse()
  for (let next = open.pop(); next; next = open.pop()) {
    all.push(next)
    const above = idText(next.message.messageId)
    open.push(
      ...objects(next.message.children)
        .map((message) => ({ message, above }))
        .reverse(),
    )
  }
  return all
}

function spoken(id: string, message: JsonObject): PlacelessMessage {
  const isUser = message.isCreatedByUser === true || message.sender === 'User' || message.sender === 'user'
  const content = list(message.content)
  return placelessOf({
    id,
    role: isUser ? 'user' : 'assistant',
    parts: [
      ...(content.length > 0 ? content.flatMap(contentParts) : textParts(message.text)),
      ...objects(message.files).map((file) =>
        partOf(text(file.type)?.startsWith('image/') ? 'image' : 'file', file.text, {
          id: file.file_id,
          name: file.filename,
          mimeType: file.type,
          sizeBytes: file.bytes,
          path: file.filepath,
        }),
      ),
    ],
    author: isUser ? undefined : message.sender,
    model: isUser ? undefined : message.model,
    metadata: {
      error: message.error || undefined,
      unfinished: message.unfinished || undefined,
      finishReason: message.finish_reason === 'stop' ? undefined : message.finish_reason,
    },
  })
}

function contentParts(block: unknown): Part[] {
  if (typeof block === 'string') return textParts(block)
  if (!isObject(block)) return []
  switch (block.type) {
    case 'text':
      return textParts(isObject(block.text) ? block.text.value : block.text)
    case 'think':
      return [partOf('thought', block.think)]
    case 'tool_call': {
      const call = isObject(block.tool_call) ? block.tool_call : {}
      const about = { id: call.id, name: call.name }
      return [
        partOf('tool_call', call.args, { ...about, arguments: isObject(call.args) ? call.args : undefined }),
        ...(text(call.output) ? [partOf('tool_result', call.output, about)] : []),
      ]
    }
    case 'image_url':
      return [partOf('image', isObject(block.image_url) ? block.image_url.url : block.image_url)]
    case 'error':
      return [partOf('text', block.error, { error: true })]
    default:
      return [partOf('file', '', { block })]
  }
}
