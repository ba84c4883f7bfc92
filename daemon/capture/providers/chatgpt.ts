import type { Role } from '../../../schema/capture.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { chatgptParts, isContext, recipientOf } from './chatgpt-content.ts'
import { instant } from './instants.ts'
import {
  definedFields,
  isObject,
  type JsonObject,
  list,
  objects,
  shortText,
  stated,
  text,
} from './json-value.ts'
import type { TreeNode } from './message-tree.ts'
import { type ElementProvider, type ParsedElement, skippedElement } from './provider.ts'
import { MAX_ID, type PlacelessMessage, treeMessages } from './tree-messages.ts'

/** How many nodes tell whose `mapping` it is: DeepSeek has one too, with `fragments`. */
const NODES_LOOKED_AT = 50

/** ChatGPT's data export: conversations whose messages hang in a tree called `mapping`. */
export const chatgpt: ElementProvider = {
  name: 'chatgpt',
  title: 'ChatGPT',
  validated: true,

  detect(element) {
    const mapping = mappingOf(payloadOf(element))
    if (!mapping) return false
    const nodes = Object.values(mapping).filter(isObject).slice(0, NODES_LOOKED_AT)
    const messages = nodes.map(({ message }) => message).filter(isObject)
    if (messages.some(({ fragments }) => fragments !== undefined)) return false
    return messages.length > 0
      ? messages.some(({ author, content }) => isObject(author) && isObject(content))
      : nodes.some((node) => 'message' in node && 'children' in node)
  },

  parse(element) {
    const conversation = payloadOf(element)
    const mapping = mappingOf(conversation)
    if (!mapping) return skippedElement('a corrupted entry without its messages')
    return parseConversation(conversation, mapping, element)
  },
}

/** A browser extension's capture holds the same conversation under `raw_provider_payload`. */
function payloadOf(element: JsonObject): JsonObject {
  return isObject(element.raw_provider_payload) ? element.raw_provider_payload : element
}

/** A share page may have the shown branch alone, as a list of nodes. */
function mappingOf({ mapping, linear_conversation: linear }: JsonObject): JsonObject | undefined {
  if (isObject(mapping)) return mapping
  const nodes = objects(linear).filter(({ id }) => text(id) !== undefined)
  return nodes.length === 0 ? undefined : Object.fromEntries(nodes.map((node) => [String(node.id), node]))
}

function parseConversation(
  conversation: JsonObject,
  mapping: JsonObject,
  envelope: JsonObject,
): ParsedElement {
  const nodes = treeNodes(mapping)
  const { messages, notes, idAt } = treeMessages(nodes)
  if (messages.length === 0) return skippedElement('a conversation without a message')
  const current = text(conversation.current_node)
  const currentMessageId = idAt(current)
  if (current !== undefined && currentMessageId === undefined) notes.push('a shown message that is missing')
  return {
    conversations: [
      {
        format: 'vivim.capture/1',
        provider: 'chatgpt',
        ...definedFields({
          // A share has an id of its own beside the conversation's.
          originalId: shortText(
            conversation.backing_conversation_id ?? conversation.conversation_id ?? conversation.id,
            MAX_ID,
          ),
          sourceUrl: sourceUrl(envelope),
          model: shortText(conversation.default_model_slug, LIMITS.nameCharacters),
          createdAt: instant(conversation.create_time),
          updatedAt: instant(conversation.update_time),
          metadata: stated({
            gizmoId: conversation.gizmo_id,
            archived: conversation.is_archived || undefined,
            doNotRemember: conversation.is_do_not_remember || undefined,
          }),
        }),
        title: shortText(conversation.title, LIMITS.titleCharacters) ?? null,
        messages,
        currentMessageId: currentMessageId ?? null,
      },
    ],
    skipped: [],
    notes,
  }
}

function treeNodes(mapping: JsonObject): TreeNode<PlacelessMessage>[] {
  const nodes = Object.entries(mapping).filter((entry): entry is [string, JsonObject] => isObject(entry[1]))
  const parentByChild = new Map<string, string>()
  for (const [key, node] of nodes)
    for (const child of list(node.children)) if (typeof child === 'string') parentByChild.set(child, key)
  // Half of a link is enough.
  const parentOf = (node: JsonObject, key: string) => {
    const parent = text(node.parent)
    return parent !== undefined && isObject(mapping[parent]) ? parent : (parentByChild.get(key) ?? parent)
  }
  return nodes.map(([key, node]) => {
    const message = isObject(node.message) ? node.message : undefined
    return {
      key,
      parent: parentOf(node, key),
      at: instant(message?.create_time),
      message: message && placeless(key, message),
    }
  })
}

function placeless(key: string, message: JsonObject): PlacelessMessage {
  const author = isObject(message.author) ? message.author : {}
  const metadata = isObject(message.metadata) ? message.metadata : {}
  const role = roleOf(author.role)
  return {
    id: shortText(message.id, MAX_ID) ?? key.slice(0, MAX_ID),
    role,
    parts: chatgptParts(message),
    ...(isHidden(message, metadata) ? { hidden: true } : {}),
    ...definedFields({
      author: shortText(author.name, LIMITS.nameCharacters),
      model: role === 'assistant' ? shortText(metadata.model_slug, LIMITS.nameCharacters) : undefined,
      metadata: stated({
        recipient: recipientOf(message),
        channel: message.channel,
        status: message.status === 'finished_successfully' ? undefined : message.status,
        sourceRole: role === author.role ? undefined : author.role,
        thinkingEffort: metadata.thinking_effort,
        thoughtSeconds: metadata.finished_duration_sec,
      }),
    }),
  }
}

function isHidden(message: JsonObject, metadata: JsonObject): boolean {
  return (
    message.weight === 0 ||
    metadata.is_visually_hidden_from_conversation === true ||
    metadata.is_user_system_message === true ||
    (isObject(message.content) && isContext(message.content))
  )
}

function roleOf(role: unknown): Role {
  if (role === 'user' || role === 'assistant' || role === 'tool') return role
  return role === 'function' ? 'tool' : 'system'
}

function sourceUrl({ provenance }: JsonObject): string | undefined {
  const url = isObject(provenance) ? text(provenance.source_url) : undefined
  return url !== undefined && url.length <= 4_000 && URL.canParse(url) ? url : undefined
}
