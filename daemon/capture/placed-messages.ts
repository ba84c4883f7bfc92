import type { CanonicalMessage } from './canonical-conversation.ts'
import { contentMessageId, providedMessageId } from './ids.ts'

/** A canonical message with its ids. */
export interface IdentifiedMessage {
  readonly id: string
  readonly parentId: string | null
  readonly message: CanonicalMessage
}

/** Messages stored before that a capture may refer to. */
export interface StoredMessages {
  has(id: string): boolean
}

/**
 * Gives messages their ids and parents, in list order. A parent that is neither in the capture nor stored makes a
 * root; of messages that follow each other in a circle one becomes a root; of messages with one provider id the
 * first has it.
 */
export function placeMessages(
  conversation: string,
  messages: readonly CanonicalMessage[],
  stored: StoredMessages,
): IdentifiedMessage[] {
  const byOriginal = new Map<string, number>()
  messages.forEach(({ originalId }, index) => {
    if (originalId !== undefined && !byOriginal.has(originalId)) byOriginal.set(originalId, index)
  })
  const placed: (IdentifiedMessage | undefined)[] = messages.map(() => undefined)
  const equals = new Map<string, number>()

  const place = (index: number, parentId: string | null): void => {
    const message = messages[index]!
    const { originalId, role, contentHash } = message
    let id: string
    if (originalId !== undefined && byOriginal.get(originalId) === index)
      id = providedMessageId(conversation, originalId)
    else {
      const name = `${parentId} ${role} ${contentHash}`
      const number = equals.get(name) ?? 0
      equals.set(name, number + 1)
      id = contentMessageId(conversation, parentId, role, contentHash, number)
    }
    placed[index] = { id, parentId, message }
  }

  for (let start = 0; start < messages.length; start++) {
    const path: number[] = []
    const onPath = new Set<number>()
    let at: number | undefined = start
    while (at !== undefined && !placed[at] && !onPath.has(at)) {
      path.push(at)
      onPath.add(at)
      at = parentIndex(messages[at]!, at, byOriginal)
    }
    while (path.length > 0) {
      const index = path.pop()!
      const parent = parentIndex(messages[index]!, index, byOriginal)
      const above = parent === undefined ? undefined : placed[parent]
      place(index, above?.id ?? storedParent(conversation, messages[index]!, byOriginal, stored))
    }
  }
  return placed as IdentifiedMessage[]
}

function parentIndex(
  { originalParentId }: CanonicalMessage,
  index: number,
  byOriginal: ReadonlyMap<string, number>,
): number | undefined {
  if (originalParentId === undefined) return index === 0 ? undefined : index - 1
  const parent = byOriginal.get(originalParentId)
  return parent === index ? undefined : parent
}

function storedParent(
  conversation: string,
  { originalParentId }: CanonicalMessage,
  byOriginal: ReadonlyMap<string, number>,
  stored: StoredMessages,
): string | null {
  if (originalParentId === undefined || byOriginal.has(originalParentId)) return null
  // A message that nobody but this node gave a name is named by its own id.
  if (stored.has(originalParentId)) return originalParentId
  const id = providedMessageId(conversation, originalParentId)
  return stored.has(id) ? id : null
}
