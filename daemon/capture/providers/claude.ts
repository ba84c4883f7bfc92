import type { CaptureConversation, CaptureMessage, Role } from '../../../schema/capture.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { claudeParts } from './claude-content.ts'
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

/** Claude: the data export, a share snapshot, and a design session. */
export const claude: ElementProvider = {
  name: 'claude',
  title: 'Claude',
  validated: true,

  detect(element) {
    if (Array.isArray(element.chat_messages)) {
      const [first] = objects(element.chat_messages)
      return first === undefined ? text(element.uuid) !== undefined : 'sender' in first
    }
    return isDesignSession(element)
  },

  parse(element) {
    if (Array.isArray(element.chat_messages)) return exported(element)
    return isDesignSession(element)
      ? designed(element)
      : skippedElement('a corrupted entry without its messages')
  },
}

function isDesignSession({ project, messages, uuid }: JsonObject): boolean {
  if (!isObject(project) || !text(uuid) || !Array.isArray(messages)) return false
  return objects(messages).some(({ content }) => isObject(content) && 'role' in content)
}

function exported(conversation: JsonObject): ParsedElement {
  const raw = objects(conversation.chat_messages)
  const notes = raw.length < list(conversation.chat_messages).length ? ['messages that are none'] : []
  const { messages, idAt, notes: treeNotes } = arranged(raw)
  if (messages.length === 0) return skippedElement('a conversation without a message')
  return result(
    conversation,
    {
      ...definedFields({
        // A share snapshot has an id of its own beside the conversation's.
        originalId: shortText(conversation.conversation_uuid ?? conversation.uuid, MAX_ID),
        model: shortText(conversation.model, LIMITS.nameCharacters),
        metadata: stated({
          project: isObject(conversation.project) ? conversation.project.name : undefined,
          starred: conversation.is_starred || undefined,
          summary: conversation.summary,
        }),
      }),
      title: titleOf(conversation.name, conversation.title, conversation.snapshot_name),
      messages,
      currentMessageId: idAt(text(conversation.current_leaf_message_uuid)) ?? null,
    },
    [...notes, ...treeNotes],
  )
}

type Arranged = ReturnType<typeof treeMessages>

/** Messages hang in a tree by `parent_message_uuid`; older exports name no parents and are a plain list. */
function arranged(raw: readonly JsonObject[]): Arranged {
  const firstWithParent = raw.find((message) => text(message.parent_message_uuid))
  return firstWithParent ? tree(raw, text(firstWithParent.parent_message_uuid)!) : plainList(raw)
}

function tree(raw: readonly JsonObject[], root: string): Arranged {
  const nodes = new Map<string, TreeNode<PlacelessMessage>>()
  const ids = new Set(raw.map(({ uuid }) => uuid))
  let before: string | undefined
  for (const [index, message] of raw.entries()) {
    const key = text(message.uuid) ?? `#${index}`
    const named = text(message.parent_message_uuid)
    // The first message of a tree follows a root that is no message: an id of zeros. It is nobody's orphan.
    const parent = named === root && !ids.has(named) ? undefined : (named ?? before)
    const node = {
      key,
      parent,
      at: instant(message.created_at),
      message: { id: key.slice(0, MAX_ID), ...spoken(message) },
    }
    if (!nodes.has(key)) nodes.set(key, node)
    before = key
  }
  const placed = treeMessages([...nodes.values()])
  if (nodes.size < raw.length) placed.notes.push('messages with the id of another')
  return placed
}

function plainList(raw: readonly JsonObject[]): Arranged {
  const messages = raw.slice(0, LIMITS.conversationMessages).map(
    (message): CaptureMessage => ({
      ...spoken(message),
      ...definedFields({ id: shortText(message.uuid, MAX_ID), createdAt: instant(message.created_at) }),
    }),
  )
  return {
    messages,
    notes: [],
    idAt: (id) => (messages.some((message) => message.id === id) ? id : undefined),
  }
}

function spoken(message: JsonObject) {
  const role = roleOf(message.sender ?? message.role)
  return {
    role,
    parts: claudeParts(message),
    ...definedFields({
      model: role === 'assistant' ? shortText(message.model, LIMITS.nameCharacters) : undefined,
      metadata: stated({
        truncated: message.truncated || undefined,
        stopReason: message.stop_reason === 'end_turn' ? undefined : message.stop_reason,
        sourceRole: role === 'system' ? message.sender : undefined,
      }),
    }),
  }
}

/** A design session: a plain list of messages whose `content` holds role, words, author and time. */
function designed(session: JsonObject): ParsedElement {
  const messages = objects(session.messages).flatMap((message): CaptureMessage[] => {
    const inner = isObject(message.content) ? message.content : message
    const role = roleOf(inner.role ?? message.role)
    const id = shortText(message.uuid, MAX_ID)
    return [
      {
        role,
        parts: claudeParts(inner),
        ...definedFields({
          id,
          author: shortText(inner.authorName, LIMITS.nameCharacters),
          model: role === 'assistant' ? shortText(inner.model, LIMITS.nameCharacters) : undefined,
          createdAt: instant(inner.timestamp ?? message.created_at ?? message.timestamp),
        }),
      },
    ]
  })
  if (messages.length === 0) return skippedElement('a conversation without a message')
  const project = isObject(session.project) ? session.project : {}
  return result(
    session,
    {
      ...definedFields({
        originalId: shortText(session.uuid, MAX_ID),
        metadata: stated({ kind: 'design session', project: project.name, projectId: project.uuid }),
      }),
      title: titleOf(session.name, session.title, project.name),
      messages: messages.slice(0, LIMITS.conversationMessages),
    },
    [],
  )
}

function result(
  source: JsonObject,
  fields: Omit<CaptureConversation, 'format' | 'provider' | 'createdAt' | 'updatedAt'>,
  notes: readonly string[],
): ParsedElement {
  const conversation: CaptureConversation = {
    format: 'vivim.capture/1',
    provider: 'claude',
    ...fields,
    ...definedFields({ createdAt: instant(source.created_at), updatedAt: instant(source.updated_at) }),
  }
  return { conversations: [conversation], skipped: [], notes }
}

function titleOf(...candidates: unknown[]): string | null {
  return shortText(candidates.find(text), LIMITS.titleCharacters) ?? null
}

function roleOf(sender: unknown): Role {
  if (sender === 'human' || sender === 'user') return 'user'
  return sender === 'assistant' || sender === 'tool' ? sender : 'system'
}
