import type { CaptureConversation } from '../../schema/capture.ts'
import type { RowValues, Value } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import type { FactChange, Vault, VaultTransaction } from '../vault/vault.ts'
import { attachmentKey } from './attachments.ts'
import {
  type CanonicalConversation,
  type CanonicalMessage,
  canonicalConversation,
} from './canonical-conversation.ts'
import { conversationId } from './ids.ts'
import { type IdentifiedMessage, placeMessages } from './placed-messages.ts'
import { sealRawRecord } from './raw-record.ts'
import { SecretSealer } from './secret-sealer.ts'
import {
  changedColumns,
  type StoredConversationRow,
  type StoredMessageRow,
  statedColumns,
  storedConversation,
  storedMessages,
  storedVersions,
} from './stored-rows.ts'

export interface CaptureOptions {
  /** Capture it although it was erased before, under a new id. */
  readonly again: boolean
  /** Milliseconds UTC. */
  readonly capturedAt: number
  /** The import job it comes from. */
  readonly jobId?: string
  /** The share link it comes from. */
  readonly sourceUrl?: string
  /** The stored conversation these messages belong to, whatever names them. */
  readonly into?: string
  /** What the provider gave, to be kept sealed; absent: the conversation as JSON. */
  readonly raw?: Uint8Array
  /** Names `raw`, when this conversation is all it makes. */
  readonly rawTag?: string
}

export interface CaptureResult {
  readonly conversationId: string
  readonly status: 'created' | 'updated' | 'unchanged'
  readonly created: boolean
  /** Messages that were not there before. */
  readonly messagesAdded: number
  /** Captures that changed something, from 1. */
  readonly version: number
  /** What was put right on the way, in a few words each. */
  readonly notes: readonly string[]
}

const ERASED_MESSAGE = 'erased: this conversation was erased for good.'

/** Whether a capture was refused because the conversation had been erased. */
export function isErasedConflict(error: unknown): boolean {
  return error instanceof VivimError && error.code === 'Conflict' && error.message === ERASED_MESSAGE
}

/** Parts and sealed spans that leave room for the rest of their operation, in bytes. */
const MAX_INLINE_BYTES = 56 * 1024
/** Generations are erases of one conversation by hand. */
const MAX_GENERATION = 10_000

/**
 * Stores one conversation inside a transaction: new rows, changed columns, the raw record, a place in the derivation
 * queue. A conversation that is stored as it is writes no operation. Titles, tags and states of the user stay; what
 * is in the trash stays there.
 * @throws VivimError Conflict (`erased`) when it was erased for good and not wanted again; TooLarge.
 */
export function captureConversation(
  tx: VaultTransaction,
  vault: Vault,
  conversation: CaptureConversation,
  options: CaptureOptions,
): CaptureResult {
  const canonical = canonicalConversation(conversation, new SecretSealer(vault))
  const { id, generation } =
    options.into === undefined
      ? livingId(tx, vault.space, canonical, options.again)
      : { id: options.into, generation: 0 }
  const stored = storedConversation(tx, vault.space, id)
  const capture = { tx, vault, id, generation, canonical, options }
  const result =
    stored && (stored.content_hash === canonical.contentHash || wasImported(capture))
      ? unchanged(id, stored, canonical)
      : stored
        ? update(capture, stored)
        : create(capture)
  if (result.status !== 'unchanged') {
    const raw = options.raw ?? Buffer.from(JSON.stringify(conversation))
    tx.run(
      `INSERT OR IGNORE INTO raw_records (conversation_id, content_hash, captured_at, sealed, raw_tag)
       VALUES (?, ?, ?, ?, ?)`,
      [id, canonical.contentHash, options.capturedAt, sealRawRecord(vault, raw), options.rawTag ?? null],
    )
    if (!stored?.deleted)
      tx.run('INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) VALUES (?, ?)', [
        id,
        options.capturedAt,
      ])
  }
  recordAttempt(tx, {
    ...options,
    provider: conversation.provider,
    status: result.status,
    conversationId: id,
  })
  return result
}

/**
 * An export that was imported before says nothing new, whatever came from elsewhere since: a share page and an export
 * of one conversation would otherwise take turns for ever. What an app sends is how things are now.
 */
function wasImported({ tx, id, canonical, options }: Capture): boolean {
  if (options.jobId === undefined) return false
  const row = tx.get('SELECT 1 FROM raw_records WHERE conversation_id = ? AND content_hash = ?', [
    id,
    canonical.contentHash,
  ])
  return row !== undefined
}

/** One try, for the person's own record; what failed names no conversation. */
export function recordAttempt(
  tx: VaultTransaction,
  attempt: {
    readonly capturedAt: number
    readonly provider: string
    readonly status: CaptureResult['status'] | 'failed'
    readonly errorCode?: string
    readonly conversationId?: string
    readonly jobId?: string
    readonly sourceUrl?: string
  },
): void {
  tx.run(
    `INSERT INTO capture_attempts (at, provider, status, error_code, conversation_id, job_id, source_url)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    [
      attempt.capturedAt,
      attempt.provider,
      attempt.status,
      attempt.errorCode ?? null,
      attempt.conversationId ?? null,
      attempt.jobId ?? null,
      attempt.sourceUrl ?? null,
    ],
  )
}

/** The lowest generation that was not erased; beyond 0 only one that lives already, or when wanted again. */
function livingId(
  tx: VaultTransaction,
  space: number,
  { origin }: CanonicalConversation,
  again: boolean,
): { id: string; generation: number } {
  for (let generation = 0; generation <= MAX_GENERATION; generation++) {
    const id = conversationId(origin, generation)
    if (tx.isErased('Conversation', id)) continue
    const lives = generation === 0 || again || storedConversation(tx, space, id) !== undefined
    if (lives) return { id, generation }
    break
  }
  throw new VivimError('Conflict', ERASED_MESSAGE, {
    hint: 'Capture it again with `again: true`.',
  })
}

interface Capture {
  readonly tx: VaultTransaction
  readonly vault: Vault
  readonly id: string
  readonly generation: number
  readonly canonical: CanonicalConversation
  readonly options: CaptureOptions
}

function unchanged(
  id: string,
  stored: StoredConversationRow,
  { notes }: CanonicalConversation,
): CaptureResult {
  return {
    conversationId: id,
    status: 'unchanged',
    created: false,
    messagesAdded: 0,
    version: stored.version ?? 1,
    notes,
  }
}

function create(capture: Capture): CaptureResult {
  const { tx, id, generation, canonical, options } = capture
  const messages = placeMessages(id, canonical.messages, new Set())
  const times = canonical.messages.flatMap(({ createdAt }) => createdAt ?? [])
  tx.write([
    {
      kind: 'INSERT',
      entity: 'Conversation',
      key: id,
      values: statedColumns({
        ...conversationColumns(canonical, messages),
        provider: canonical.origin.provider,
        original_id: canonical.originalId,
        created_at: canonical.createdAt ?? smallest(times) ?? options.capturedAt,
        updated_at: canonical.updatedAt ?? largest(times) ?? canonical.createdAt ?? options.capturedAt,
        captured_at: options.capturedAt,
        state: 'ACTIVE',
        content_hash: canonical.contentHash,
        version: 1,
        generation,
      }),
    },
    ...messages.flatMap((placed, position) => newMessage(capture, placed, position)),
  ])
  return {
    conversationId: id,
    status: 'created',
    created: true,
    messagesAdded: messages.length,
    version: 1,
    notes: canonical.notes,
  }
}

function update(capture: Capture, stored: StoredConversationRow): CaptureResult {
  const { tx, vault, id, canonical, options } = capture
  const present = storedMessages(tx, vault.space, id)
  const messages = placeMessages(id, canonical.messages, present)
  const firstPosition = positionAfter(messages[0], present)
  // An older export than the one seen last adds what is missing and moves nothing back.
  const isOlder = (canonical.updatedAt ?? Number.POSITIVE_INFINITY) < (stored.updated_at ?? 0)
  const versions = storedVersions(
    tx,
    vault.space,
    messages
      .filter((placed) => differsInContent(placed, present))
      .flatMap((placed) => [versionKey(placed), ...attachmentKeys(placed)]),
  )
  let messagesAdded = 0
  const changes = messages.flatMap((placed, index): FactChange[] => {
    const row = present.get(placed.id)
    const position = firstPosition + index
    if (!row) {
      messagesAdded++
      return newMessage(capture, placed, position)
    }
    const version =
      row.version_hash === placed.message.contentHash || versions.has(versionKey(placed))
        ? []
        : newVersion(capture, placed, versions)
    const values = isOlder ? undefined : changedColumns(row, messageColumns(placed, position))
    return [
      ...version,
      ...(values ? [{ kind: 'UPDATE' as const, entity: 'Message' as const, key: placed.id, values }] : []),
    ]
  })
  const times = canonical.messages.flatMap(({ createdAt }) => createdAt ?? [])
  const columns = isOlder
    ? undefined
    : changedColumns(stored, {
        ...conversationColumns(canonical, messages),
        created_at: canonical.createdAt,
        updated_at: canonical.updatedAt ?? largest(times),
      })
  if (changes.length === 0 && !columns) return unchanged(id, stored, canonical)
  const version = (stored.version ?? 1) + 1
  const values: RowValues = {
    ...columns,
    ...(isOlder ? {} : { content_hash: canonical.contentHash }),
    captured_at: options.capturedAt,
    version,
  }
  tx.write([{ kind: 'UPDATE', entity: 'Conversation', key: id, values }, ...changes])
  return {
    conversationId: id,
    status: 'updated',
    created: false,
    messagesAdded,
    version,
    notes: canonical.notes,
  }
}

function conversationColumns(canonical: CanonicalConversation, messages: readonly IdentifiedMessage[]) {
  const current = messages.find(({ message }) => message.originalId === canonical.originalCurrentId)
  return {
    source_url: canonical.sourceUrl,
    title: canonical.title,
    model: canonical.model,
    current_message_id: (canonical.originalCurrentId === undefined
      ? messages.at(-1)
      : (current ?? messages.at(-1))
    )?.id,
    metadata_json: canonical.metadataJson,
  }
}

function messageColumns({ parentId, message }: IdentifiedMessage, position: number) {
  return {
    parent_id: parentId,
    role: message.role,
    author: message.author,
    model: message.model,
    created_at: message.createdAt,
    position,
    hidden: message.hidden ? 1 : 0,
    version_hash: message.contentHash,
    metadata_json: message.metadataJson,
  }
}

function newMessage(capture: Capture, placed: IdentifiedMessage, position: number): FactChange[] {
  return [
    {
      kind: 'INSERT',
      entity: 'Message',
      key: placed.id,
      values: statedColumns({
        conversation_id: capture.id,
        original_id: placed.message.originalId,
        ...messageColumns(placed, position),
      }),
    },
    ...newVersion(capture, placed, new Set()),
  ]
}

/** The version, and the attachments it names that the message did not have before. */
function newVersion(capture: Capture, placed: IdentifiedMessage, stored: ReadonlySet<string>): FactChange[] {
  const { message } = placed
  const insert = (key: string, values: Record<string, Value>): FactChange => ({
    kind: 'INSERT',
    entity: 'MessageVersion',
    key,
    values: statedColumns({ message_id: placed.id, ...values, captured_at: capture.options.capturedAt }),
  })
  return [
    insert(versionKey(placed), { content_hash: message.contentHash, ...partsColumns(capture, message) }),
    ...message.attachments
      .filter(({ hash }) => !stored.has(attachmentKey(placed.id, hash)))
      .map(({ hash, bytes }) =>
        insert(attachmentKey(placed.id, hash), {
          content_hash: hash,
          parts_blob: capture.tx.putBlob(bytes, capture.id),
        }),
      ),
  ]
}

function attachmentKeys({ id, message }: IdentifiedMessage): string[] {
  return message.attachments.map(({ hash }) => attachmentKey(id, hash))
}

function partsColumns({ tx, id }: Capture, { partsJson, sealed }: CanonicalMessage): Record<string, Value> {
  const sealedBytes = sealed?.length ?? 0
  // Pages of secrets would not fit an operation; the raw record keeps them.
  const kept: Record<string, Value> = sealed && sealedBytes <= MAX_INLINE_BYTES ? { sealed } : {}
  if (Buffer.byteLength(partsJson) + sealedBytes <= MAX_INLINE_BYTES)
    return { ...kept, parts_json: partsJson }
  return { ...kept, parts_blob: tx.putBlob(Buffer.from(partsJson), id) }
}

function versionKey({ id, message }: IdentifiedMessage): string {
  return `${id}:${message.contentHash}`
}

function differsInContent(
  { id, message }: IdentifiedMessage,
  present: ReadonlyMap<string, StoredMessageRow>,
): boolean {
  const row = present.get(id)
  return row !== undefined && row.version_hash !== message.contentHash
}

/** A capture of later messages alone goes on behind the stored message it follows. */
function positionAfter(
  first: IdentifiedMessage | undefined,
  present: ReadonlyMap<string, StoredMessageRow>,
): number {
  if (!first) return 0
  const own = present.get(first.id)
  if (own) return own.position ?? 0
  if (first.parentId === null) return 0
  const parent = present.get(first.parentId)
  return parent ? (parent.position ?? 0) + 1 : 0
}

/** Spreading a long list into Math.min would overflow the stack. */
function smallest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.min(a, b))
}

function largest(values: readonly number[]): number | undefined {
  return values.length === 0 ? undefined : values.reduce((a, b) => Math.max(a, b))
}
