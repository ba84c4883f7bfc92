import type { CaptureConversation, CaptureMessage } from '../../schema/capture.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Params } from '../../schema/methods/index.ts'
import type { Vault, VaultTransaction } from '../vault/vault.ts'
import { conversationId, providedMessageId } from './ids.ts'
import { type CaptureResult, captureConversation, recordAttempt } from './pipeline.ts'
import { type StoredConversationRow, storedConversation, storedMessages } from './stored-rows.ts'

/**
 * Adds messages behind the shown branch of a conversation, or begins one.
 * @throws VivimError NotFound, Conflict (erased, or in the trash), TooLarge.
 */
export function appendMessages(
  tx: VaultTransaction,
  vault: Vault,
  { id: asked, provider, originalId, title, model, messages }: Params<'conversations.append'>,
  capturedAt: number,
): CaptureResult {
  const id = asked ?? livingId(tx, vault, provider!, originalId!)
  const stored = id === undefined ? undefined : storedConversation(tx, vault.space, id)
  if (asked !== undefined && !stored)
    throw new VivimError('NotFound', 'There is no such conversation.', { field: 'id' })
  if (stored?.deleted) throw new VivimError('Conflict', 'The conversation is in the trash.')
  const row = asked === undefined ? undefined : named(tx, vault, asked)
  const added = stored ? newMessages(tx, vault, stored, messages) : [...messages]
  if (stored && added.length === 0) {
    recordAttempt(tx, {
      capturedAt,
      provider: row?.provider ?? provider!,
      status: 'unchanged',
      conversationId: stored.id,
    })
    return {
      conversationId: stored.id,
      status: 'unchanged',
      created: false,
      messagesAdded: 0,
      version: stored.version ?? 1,
      notes: [],
    }
  }
  const conversation: CaptureConversation = {
    format: 'vivim.capture/1',
    provider: row?.provider ?? provider!,
    ...(originalId === undefined ? {} : { originalId }),
    ...(title === undefined || stored ? {} : { title }),
    ...(model === undefined || stored ? {} : { model }),
    messages: added,
  }
  return captureConversation(tx, vault, conversation, {
    again: false,
    capturedAt,
    ...(stored ? { into: stored.id } : {}),
  })
}

/** What a second capture of the same name would go into. */
function livingId(
  tx: VaultTransaction,
  vault: Vault,
  provider: string,
  originalId: string,
): string | undefined {
  for (let generation = 0; ; generation++) {
    const origin = { provider, originalId, sourceUrl: undefined, firstMessage: { role: '', contentHash: '' } }
    const id = conversationId(origin, generation)
    if (!tx.isErased('Conversation', id)) return storedConversation(tx, vault.space, id) ? id : undefined
  }
}

function named(tx: VaultTransaction, vault: Vault, id: string): { provider: string } {
  return tx.get<{ provider: string }>('SELECT provider FROM conversations WHERE space = ? AND id = ?', [
    vault.space,
    id,
  ])!
}

/** Those that are not there yet; each follows the one before it in the list, the first one the shown branch. */
function newMessages(
  tx: VaultTransaction,
  vault: Vault,
  stored: StoredConversationRow,
  messages: readonly CaptureMessage[],
): CaptureMessage[] {
  const present = storedMessages(tx, vault.space, stored.id)
  const added: CaptureMessage[] = []
  let last = stored.current_message_id
  for (const message of messages) {
    const id = message.id === undefined ? undefined : providedMessageId(stored.id, message.id)
    if (id !== undefined && present.has(id)) {
      last = id
      continue
    }
    const isFirst = added.length === 0
    added.push(
      isFirst && last !== null && (message.parentId ?? null) === null
        ? { ...message, parentId: last }
        : message,
    )
  }
  return added
}
