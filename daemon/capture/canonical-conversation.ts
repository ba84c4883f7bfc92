import { hashOf } from '../../crdt/hash.ts'
import type { CaptureConversation, CaptureMessage, Part, Role } from '../../schema/capture.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { type Attachment, detached } from './attachments.ts'
import { type ConversationOrigin, contentHashOf } from './ids.ts'
import type { SecretSealer } from './secret-sealer.ts'

/** A message as it will be stored, except for its ids: secrets sealed, text safe, times in ms UTC. */
export interface CanonicalMessage {
  readonly originalId: string | undefined
  /** The provider's id of the message it follows; undefined: the one before it in the list. */
  readonly originalParentId: string | undefined
  readonly role: Role
  readonly author: string | null
  readonly model: string | null
  readonly createdAt: number | null
  readonly hidden: boolean
  readonly partsJson: string
  readonly contentHash: string
  /** Secrets of the parts. */
  readonly sealed: Uint8Array | undefined
  readonly metadataJson: string | null
  /** Bytes its parts name by hash. */
  readonly attachments: readonly Attachment[]
}

export interface CanonicalConversation {
  readonly origin: ConversationOrigin
  readonly originalId: string | null
  readonly sourceUrl: string | null
  readonly title: string | null
  readonly model: string | null
  readonly createdAt: number | null
  readonly updatedAt: number | null
  readonly originalCurrentId: string | undefined
  readonly metadataJson: string | null
  readonly messages: readonly CanonicalMessage[]
  /** Hex SHA-256 over all of the above: equal means nothing to do. */
  readonly contentHash: string
  readonly notes: readonly string[]
}

/** Metadata beyond this would not fit an operation; the raw record keeps it whole. */
const MAX_METADATA_BYTES = 24 * 1024

/** The one form captures of the same conversation have in common. Throws VivimError `TooLarge`. */
export function canonicalConversation(
  source: CaptureConversation,
  sealer: SecretSealer,
): CanonicalConversation {
  if (source.messages.length > LIMITS.conversationMessages)
    throw new VivimError('TooLarge', 'The conversation has more messages than the limit.')
  const messages = source.messages.map((message) => canonicalMessage(message, sealer))
  const originalId = sealer.id(source.originalId)
  const head = {
    originalId: originalId ?? null,
    sourceUrl: sealer.optional(source.sourceUrl),
    title: sealer.optional(source.title),
    model: sealer.optional(source.model),
    createdAt: milliseconds(source.createdAt),
    updatedAt: milliseconds(source.updatedAt),
    originalCurrentId: sealer.id(source.currentMessageId ?? undefined),
    metadataJson: metadataJson(source.metadata, sealer),
  }
  const first = messages[0]!
  return {
    ...head,
    origin: {
      provider: source.provider,
      originalId,
      sourceUrl: head.sourceUrl ?? undefined,
      firstMessage: { role: first.role, contentHash: first.contentHash },
    },
    messages,
    contentHash: conversationHash(source.provider, head, messages),
    notes: sealer.repaired > 0 ? ['characters no text may hold, replaced'] : [],
  }
}

function canonicalMessage(message: CaptureMessage, sealer: SecretSealer): CanonicalMessage {
  const attachments = new Map<string, Attachment>()
  const parts = message.parts.map((source) => {
    const { part, attachment, about } = detached(source)
    if (attachment) attachments.set(attachment.hash, attachment)
    const canonical = canonicalPart(part, sealer)
    return about ? { ...canonical, metadata: { ...canonical.metadata, ...about } } : canonical
  })
  const partsJson = JSON.stringify(parts)
  const sealed = sealer.take()
  return {
    originalId: sealer.id(message.id),
    originalParentId: sealer.id(message.parentId ?? undefined),
    role: message.role,
    author: sealer.optional(message.author),
    model: sealer.optional(message.model),
    createdAt: milliseconds(message.createdAt),
    hidden: message.hidden === true,
    partsJson,
    contentHash: contentHashOf(partsJson),
    sealed,
    metadataJson: metadataJson(message.metadata, sealer),
    attachments: [...attachments.values()],
  }
}

function canonicalPart({ type, content, language, metadata }: Part, sealer: SecretSealer): Part {
  if (content.length > LIMITS.partCharacters)
    throw new VivimError('TooLarge', 'A part of a message is longer than the limit.')
  return {
    type,
    content: sealer.text(content),
    ...(language === undefined ? {} : { language: sealer.text(language) }),
    ...(metadata === undefined ? {} : { metadata: sealer.object(metadata) }),
  }
}

/** Sealed text of a title, an author or of metadata stands beside the metadata itself. */
function metadataJson(metadata: CaptureMessage['metadata'], sealer: SecretSealer): string | null {
  const kept = sealer.object(metadata ?? {})
  const sealed = sealer.take()
  const all = sealed === undefined ? kept : { ...kept, sealed: Buffer.from(sealed).toString('base64') }
  if (Object.keys(all).length === 0) return null
  const json = JSON.stringify(all)
  const bytes = Buffer.byteLength(json)
  return bytes <= MAX_METADATA_BYTES ? json : JSON.stringify({ omittedBytes: bytes })
}

function conversationHash(
  provider: string,
  head: Readonly<Record<string, string | number | null | undefined>>,
  messages: readonly CanonicalMessage[],
): string {
  const rows = messages.map((message) => [
    message.originalId ?? null,
    message.originalParentId ?? null,
    message.role,
    message.author,
    message.model,
    message.createdAt,
    message.hidden,
    message.contentHash,
    message.metadataJson,
  ])
  const text = JSON.stringify([provider, Object.values(head).map((value) => value ?? null), rows])
  return Buffer.from(hashOf(['vivim/conversation/1', text])).toString('hex')
}

function milliseconds(instant: string | number | undefined): number | null {
  if (instant === undefined) return null
  const ms = typeof instant === 'number' ? instant : Date.parse(instant)
  return Number.isSafeInteger(ms) ? ms : null
}
