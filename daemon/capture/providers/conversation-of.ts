import type { CaptureConversation, CaptureMessage, Part, Role } from '../../../schema/capture.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { beginningId } from './beginning-id.ts'
import { instant } from './instants.ts'
import { definedFields, type Json, type JsonObject, shortText, stated } from './json-value.ts'
import { type ParsedElement, skippedElement } from './provider.ts'
import { MAX_ID } from './tree-messages.ts'

const MAX_URL = 4_000
/** More parts than this the canonical form does not take. */
const MAX_PARTS = 10_000

interface ConversationFields {
  readonly provider: string
  readonly messages: readonly CaptureMessage[]
  readonly originalId?: unknown
  readonly sourceUrl?: unknown
  readonly title?: unknown
  readonly model?: unknown
  readonly createdAt?: unknown
  readonly updatedAt?: unknown
  readonly currentMessageId?: string | undefined
  readonly metadata?: Record<string, Json | undefined>
  readonly notes?: readonly string[]
}

/** A conversation from what an export says about it, in whatever types: what is no text or no time is left out. */
export function conversationOf(fields: ConversationFields): ParsedElement {
  if (fields.messages.length === 0) return skippedElement('a conversation without a message')
  const sourceUrl = webAddress(fields.sourceUrl)
  const originalId =
    idText(fields.originalId) ?? (sourceUrl === undefined ? beginningId(fields.messages) : undefined)
  const conversation: CaptureConversation = {
    format: 'vivim.capture/1',
    provider: fields.provider,
    ...definedFields({
      originalId,
      sourceUrl,
      model: shortText(fields.model, LIMITS.nameCharacters),
      createdAt: instant(fields.createdAt),
      updatedAt: instant(fields.updatedAt),
      metadata: stated(fields.metadata ?? {}),
    }),
    title: shortText(fields.title, LIMITS.titleCharacters) ?? null,
    messages: fields.messages.slice(0, LIMITS.conversationMessages),
    currentMessageId: fields.currentMessageId ?? null,
  }
  return { conversations: [conversation], skipped: [], notes: fields.notes ?? [] }
}

interface MessageFields {
  readonly role: Role
  readonly parts: readonly Part[]
  readonly id?: unknown
  readonly author?: unknown
  readonly model?: unknown
  readonly at?: unknown
  readonly hidden?: boolean | undefined
  readonly metadata?: Record<string, Json | undefined> | undefined
}

/** A message from what an export says about it; it follows the one before it. */
export function messageOf(fields: MessageFields): CaptureMessage {
  return {
    role: fields.role,
    parts: fields.parts.slice(0, MAX_PARTS),
    ...(fields.hidden === true ? { hidden: true } : {}),
    ...definedFields({
      id: idText(fields.id),
      author: shortText(fields.author, LIMITS.nameCharacters),
      model: shortText(fields.model, LIMITS.nameCharacters),
      createdAt: instant(fields.at),
      metadata: stated(fields.metadata ?? {}),
    }),
  }
}

/** The same for a node of a tree, which has an id and learns its time and its place there. */
export function placelessOf(fields: MessageFields & { readonly id: string }) {
  const { createdAt: _, parentId: __, ...message } = messageOf({ ...fields, at: undefined })
  return { ...message, id: fields.id.slice(0, MAX_ID) }
}

/** Some write their ids as numbers. */
export function idText(value: unknown): string | undefined {
  return shortText(typeof value === 'number' ? String(value) : value, MAX_ID)
}

export function webAddress(value: unknown): string | undefined {
  return typeof value === 'string' &&
    value.length <= MAX_URL &&
    /^https?:/i.test(value) &&
    URL.canParse(value)
    ? value
    : undefined
}

/** `user` and `human`, in any case, `assistant` and the names models go by, `tool` and `function`; else system. */
export function roleNamed(name: unknown): Role {
  switch (typeof name === 'string' ? name.toLowerCase() : '') {
    case 'user':
    case 'human':
      return 'user'
    case 'assistant':
    case 'model':
    case 'ai':
    case 'bot':
    case 'gpt':
    case 'chatgpt':
    case 'gemini':
      return 'assistant'
    case 'tool':
    case 'function':
    case 'observation':
      return 'tool'
    default:
      return 'system'
  }
}

/** A part; fields that say nothing are left out of its metadata. */
export function partOf(
  type: Part['type'],
  content: unknown,
  fields: Record<string, Json | undefined> = {},
): Part {
  const metadata = stated(fields)
  return { type, content: typeof content === 'string' ? content : '', ...(metadata ? { metadata } : {}) }
}

/** A text part, unless it would be empty. */
export function textParts(content: unknown, fields: Record<string, Json | undefined> = {}): Part[] {
  return typeof content === 'string' && content.trim() !== '' ? [partOf('text', content, fields)] : []
}

/** A source somebody cites: by its title or its address. */
export function citationParts(sources: readonly JsonObject[]): Part[] {
  return sources.flatMap((source) => {
    const url = source.url ?? source.link ?? source.uri
    const title = source.title ?? source.name
    const shown = [title, url].find((value) => typeof value === 'string' && value !== '')
    if (shown === undefined) return []
    return [
      partOf('citation', shown, { url, title, snippet: source.snippet ?? source.text ?? source.preview }),
    ]
  })
}
