import type { CaptureMessage, Part } from '../../../schema/capture.ts'
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
import { instant } from './instants.ts'
import { isObject, type Json, type JsonObject, list, objects, text } from './json-value.ts'
import type { TreeNode } from './message-tree.ts'
import type { ElementProvider } from './provider.ts'
import { type PlacelessMessage, treeMessages } from './tree-messages.ts'

/** Grok's data export: one object with all conversations and their `responses` under `conversations`. */
export const grok: ElementProvider = {
  name: 'grok',
  title: 'Grok',
  validated: true,
  under: 'conversations',

  detect: ({ conversation, responses }) => isObject(conversation) && Array.isArray(responses),

  parse(element) {
    const conversation = isObject(element.conversation) ? element.conversation : {}
    const responses = objects(element.responses).map((each) =>
      isObject(each.response) ? each.response : each,
    )
    const { messages, notes } = arranged(responses)
    return conversationOf({
      provider: 'grok',
      // A share link writes its names another way.
      originalId: conversation.id ?? conversation.conversationId,
      title: conversation.title,
      createdAt: conversation.create_time ?? conversation.createTime,
      updatedAt: conversation.modify_time ?? conversation.modifyTime,
      currentMessageId: undefined,
      metadata: { starred: conversation.starred || undefined, system: conversation.system_prompt_name },
      messages,
      notes,
    })
  },
}

function arranged(responses: readonly JsonObject[]): {
  messages: readonly CaptureMessage[]
  notes: readonly string[]
} {
  const named = responses.filter((response) => responseId(response) !== undefined)
  if (named.length < responses.length)
    return {
      messages: responses.map((response) =>
        messageOf({
          ...fieldsOf(response),
          id: responseId(response),
          at: response.create_time ?? response.createTime,
        }),
      ),
      notes: [],
    }
  // Roots name no parent or an empty one.
  const nodes = new Map<string, TreeNode<PlacelessMessage>>()
  for (const response of named) {
    const key = responseId(response)!
    const node = {
      key,
      parent: idText(response.parent_response_id ?? response.parentResponseId),
      at: instant(response.create_time ?? response.createTime),
      message: placelessOf({ ...fieldsOf(response), id: key }),
    }
    if (!nodes.has(key)) nodes.set(key, node)
  }
  return treeMessages([...nodes.values()])
}

function responseId(response: JsonObject): string | undefined {
  return idText(
    isObject(response._id)
      ? response._id.$oid
      : (response._id ?? response.response_id ?? response.responseId),
  )
}

function fieldsOf(response: JsonObject) {
  const role = roleNamed(response.sender)
  return {
    role,
    parts: partsOf(response),
    model: role === 'assistant' ? response.model : undefined,
    metadata: {
      error: response.error,
      partial: response.partial || undefined,
      sourceRole: role === 'system' ? response.sender : undefined,
    },
  }
}

function partsOf(response: JsonObject): Part[] {
  const { content, cards } = withoutRenderTags(text(response.message) ?? '')
  const attached = cardsOf(response.card_attachments_json)
  return [
    ...textOf(response.thinking_trace).map((thought) => partOf('thought', thought)),
    ...textParts(content, { cards }),
    ...citationParts(attached),
    ...citationParts(objects(response.web_search_results)),
    ...list(response.generated_image_urls).flatMap((url) => (text(url) ? [partOf('image', url)] : [])),
    ...[...list(response.file_attachments), ...list(response.image_attachments)].map(attachmentPart),
  ]
}

function attachmentPart(attachment: Json): Part {
  if (!isObject(attachment)) return partOf('file', '', { id: attachment })
  return partOf('file', '', {
    id: attachment.file_metadata_id ?? attachment.id,
    name: attachment.file_name ?? attachment.name,
    mimeType: attachment.file_mime_type ?? attachment.mime_type,
    sizeBytes: attachment.file_size,
    uri: attachment.file_uri,
  })
}

const TAG = '<grok:render'
const TAG_END = '</grok:render>'

/** The words without the tags that stand for cards, and the tags with their places. */
function withoutRenderTags(message: string): { content: string; cards: Json[] } {
  const cards: Json[] = []
  let content = ''
  let from = 0
  for (let at = message.indexOf(TAG); at !== -1; at = message.indexOf(TAG, from)) {
    const end = message.indexOf(TAG_END, at)
    if (end === -1) break
    content += message.slice(from, at)
    from = end + TAG_END.length
    cards.push({ at: content.length, tag: message.slice(at, from) })
  }
  return { content: content + message.slice(from), cards }
}

/** Each card is JSON in a string. */
function cardsOf(cards: Json | undefined): JsonObject[] {
  return list(cards).flatMap((card) => {
    if (isObject(card)) return [card]
    try {
      const value: unknown = typeof card === 'string' ? JSON.parse(card) : undefined
      return isObject(value) ? [value] : []
    } catch {
      return []
    }
  })
}

function textOf(value: Json | undefined): string[] {
  return text(value) === undefined ? [] : [String(value)]
}
