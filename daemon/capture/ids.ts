import { hashOf, idOf } from '../../crdt/hash.ts'
import { canonicalUrl, conversationIdIn } from './canonical-url.ts'

/** What names a conversation: the provider's own id, else its address, else its first message. */
export interface ConversationOrigin {
  readonly provider: string
  readonly originalId: string | undefined
  readonly sourceUrl: string | undefined
  /** Content hash and role of the first message. */
  readonly firstMessage: { readonly role: string; readonly contentHash: string }
}

/** The id of generation 0; a conversation captured again after an erase has a higher one in its input. */
export function conversationId(origin: ConversationOrigin, generation: number): string {
  const name = ['vivim/conv/1', origin.provider, ...nameOf(origin)]
  return idOf(generation === 0 ? name : [...name, generation])
}

function nameOf({ provider, originalId, sourceUrl, firstMessage }: ConversationOrigin): string[] {
  if (originalId !== undefined) return [originalId]
  if (sourceUrl === undefined) return ['', firstMessage.role, firstMessage.contentHash]
  const url = canonicalUrl(sourceUrl)
  return [conversationIdIn(provider, url) ?? url]
}

/** A message the provider names. */
export function providedMessageId(conversation: string, originalId: string): string {
  return idOf([conversation, 'p', originalId])
}

/** A message nobody names: `number` counts those with equal parent, role and content, from 0. */
export function contentMessageId(
  conversation: string,
  parent: string | null,
  role: string,
  contentHash: string,
  number: number,
): string {
  return idOf([conversation, 'c', parent, role, contentHash, number])
}

/** Hex SHA-256 of a message's parts as stored: sealed spans are markers, so it confirms no guess of a secret. */
export function contentHashOf(partsJson: string): string {
  return Buffer.from(hashOf(['vivim/content/1', partsJson])).toString('hex')
}
