import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { Vault } from '../vault/vault.ts'
import { attachmentKey } from './attachments.ts'

/** Nobody has looked into pictures and files for what must stay hidden: they are shown as what is sensitive is. */
const LEVEL = 4

/**
 * A piece of an attachment.
 * @throws VivimError Forbidden below level 4; NotFound for what the conversation does not name, or is not here yet.
 */
export function attachment(
  vault: Vault,
  { id, blob, offset }: Params<'conversations.attachment'>,
  maxLevel: number,
): Result<'conversations.attachment'> {
  if (maxLevel < LEVEL)
    throw new VivimError('Forbidden', `Attachments are shown to a session of level ${LEVEL}.`)
  const named = vault
    .all<{ id: string }>('SELECT id FROM messages WHERE space = ? AND conversation_id = ? AND deleted = 0', [
      vault.space,
      id,
    ])
    .some((message) =>
      vault.get('SELECT 1 FROM message_versions WHERE space = ? AND id = ? AND deleted = 0', [
        vault.space,
        attachmentKey(message.id, blob),
      ]),
    )
  const isShown = vault.get('SELECT 1 FROM conversations WHERE space = ? AND id = ? AND deleted = 0', [
    vault.space,
    id,
  ])
  const bytes = named && isShown ? vault.getBlob(blob) : undefined
  if (!bytes) throw new VivimError('NotFound', 'The conversation has no such attachment on this device.')
  const piece = bytes.subarray(offset, offset + LIMITS.attachmentPieceBytes)
  return { data: Buffer.from(piece).toString('base64'), offset, sizeBytes: bytes.length }
}
