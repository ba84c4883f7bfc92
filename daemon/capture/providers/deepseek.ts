import type { Part } from '../../../schema/capture.ts'
import {
  citationParts,
  conversationOf,
  idText,
  partOf,
  placelessOf,
  roleNamed,
  textParts,
} from './conversation-of.ts'
import { instant } from './instants.ts'
import { isObject, type JsonObject, objects, text } from './json-value.ts'
import type { TreeNode } from './message-tree.ts'
import { type ElementProvider, skippedElement } from './provider.ts'
import { type PlacelessMessage, treeMessages } from './tree-messages.ts'

const NODES_LOOKED_AT = 50

/** DeepSeek: the data export (a `mapping` as ChatGPT has one, of messages with `fragments`) and the site's own answer. */
export const deepseek: ElementProvider = {
  name: 'deepseek',
  title: 'DeepSeek',
  validated: true,

  detect(element) {
    if (isObject(element.mapping)) {
      const nodes = Object.values(element.mapping).filter(isObject).slice(0, NODES_LOOKED_AT)
      return nodes.some(({ message }) => isObject(message) && Array.isArray(message.fragments))
    }
    return answerOf(element) !== undefined
  },

  parse(element) {
    const answer = answerOf(element)
    if (answer) return site(answer.session, answer.messages)
    return isObject(element.mapping)
      ? exported(element, element.mapping)
      : skippedElement('a corrupted entry without its messages')
  },
}

/** `{data: {biz_data: {chat_session, chat_messages}}}`, or its inner part alone. */
function answerOf(element: JsonObject): { session: JsonObject; messages: JsonObject[] } | undefined {
  const data = isObject(element.data) ? element.data : element
  const inner = isObject(data.biz_data) ? data.biz_data : data
  const { chat_session: session, chat_messages: messages, messages: shared } = inner
  // A share link has no session: what it says of itself stands beside the messages.
  if (objects(shared).some(({ fragments, message_id: id }) => Array.isArray(fragments) && id !== undefined))
    return { session: { title: inner.title ?? null }, messages: objects(shared) }
  return isObject(session) && Array.isArray(messages) ? { session, messages: objects(messages) } : undefined
}

function site(session: JsonObject, raw: readonly JsonObject[]) {
  const nodes = raw.map((message, index): TreeNode<PlacelessMessage> => {
    const key = idText(message.message_id) ?? `#${index}`
    return {
      key,
      parent: idText(message.parent_id),
      at: instant(message.inserted_at),
      message: spoken(key, message),
    }
  })
  const { messages, notes, idAt } = treeMessages(withoutRepeats(nodes))
  return conversationOf({
    provider: 'deepseek',
    originalId: session.id,
    title: session.title,
    createdAt: session.inserted_at,
    updatedAt: session.updated_at,
    messages,
    currentMessageId: idAt(idText(session.current_message_id)),
    notes,
  })
}

function exported(conversation: JsonObject, mapping: JsonObject) {
  const nodes = Object.entries(mapping).flatMap(([key, node]): TreeNode<PlacelessMessage>[] => {
    if (!isObject(node)) return []
    const message = isObject(node.message) ? node.message : undefined
    const parent = idText(node.parent)
    return [{ key, parent, at: instant(message?.inserted_at), message: message && spoken(key, message) }]
  })
  const { messages, notes, idAt } = treeMessages(nodes)
  return conversationOf({
    provider: 'deepseek',
    originalId: conversation.id,
    title: conversation.title,
    createdAt: conversation.inserted_at,
    updatedAt: conversation.updated_at,
    messages,
    currentMessageId: idAt(idText(conversation.current_node ?? conversation.current_message_id)),
    notes,
  })
}

function spoken(id: string, message: JsonObject): PlacelessMessage {
  const fragments = objects(message.fragments)
  // The export names no role; who asks, asks with a REQUEST.
  const role =
    message.role === undefined
      ? fragments.some(({ type }) => type === 'REQUEST')
        ? 'user'
        : 'assistant'
      : roleNamed(message.role)
  return placelessOf({
    id,
    role,
    parts: [
      ...(fragments.length > 0 ? fragments.flatMap(fragmentParts) : plainParts(message)),
      ...fileParts(message),
    ],
    model: role === 'assistant' ? message.model : undefined,
    metadata: {
      status: message.status === 'FINISHED' ? undefined : message.status,
      searched: message.search_enabled || undefined,
    },
  })
}

function fragmentParts(fragment: JsonObject): Part[] {
  const { type, content } = fragment
  switch (type) {
    case 'REQUEST':
    case 'RESPONSE':
    case 'TEMPLATE_RESPONSE':
      return [...textParts(content), ...citationParts(objects(fragment.references))]
    case 'THINK':
      return [partOf('thought', content, { seconds: fragment.elapsed_secs })]
    case 'SEARCH':
      return [
        partOf('tool_result', content, {
          name: 'search',
          results: fragment.results ?? fragment.search_results,
        }),
      ]
    default:
      return [partOf('file', content, { fragment })]
  }
}

/** The form before fragments. */
function plainParts(message: JsonObject): Part[] {
  const thought = text(message.thinking_content) ?? text(message.reasoning_content)
  return [
    ...(thought === undefined
      ? []
      : [partOf('thought', thought, { seconds: message.thinking_elapsed_secs })]),
    ...textParts(message.content),
    ...citationParts(objects(message.search_results)),
  ]
}

function fileParts({ files }: JsonObject): Part[] {
  return objects(files).map((file) =>
    partOf('file', file.content, {
      id: file.id ?? file.file_id,
      name: file.file_name ?? file.name,
      sizeBytes: file.file_size ?? file.size,
      tokens: file.token_usage,
    }),
  )
}

function withoutRepeats(nodes: readonly TreeNode<PlacelessMessage>[]): TreeNode<PlacelessMessage>[] {
  return [...new Map([...nodes].reverse().map((node) => [node.key, node])).values()].reverse()
}
