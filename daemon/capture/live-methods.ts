import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { liveCaptureMethods as liveTable } from '../../schema/methods/live-capture.ts'
import type { UserMethods } from '../users/user-engine.ts'
import { decodeCursor, pageOf } from '../vault/paging.ts'
import type { Vault } from '../vault/vault.ts'
import { appendMessages } from './append.ts'
import { attachment } from './attachment-methods.ts'
import { captureLink } from './links/capture-link.ts'
import type { Watches } from './watches.ts'

export type LiveMethodName = keyof typeof liveTable

export interface LiveDependencies {
  readonly vault: Vault
  readonly watches: Watches
  indexed(conversationIds: readonly string[], signal: AbortSignal): Promise<void>
  wakeDerivation(): void
}

/** What comes in while it happens: folders that are followed, live chats, share links; and the record of all captures. */
export function liveMethods({
  vault,
  watches,
  indexed,
  wakeDerivation,
}: LiveDependencies): UserMethods<LiveMethodName> {
  return {
    'capture.watch': ({ path, provider }, call) => {
      if (!call.mayReadPaths)
        throw new VivimError('Forbidden', "Only the node owner's socket may name paths.", { field: 'path' })
      return watches.add(path, provider)
    },
    'capture.watches.list': () => ({ items: watches.list() }),
    'capture.watches.remove': ({ watchId }) => {
      watches.remove(watchId)
      return { watchId, removed: true }
    },
    'capture.link': async ({ url, again }, call) => {
      const { conversationId, created, messagesAdded, version, provider, status } = await captureLink(vault, {
        url,
        again,
        signal: call.signal,
      })
      if (status !== 'unchanged') wakeDerivation()
      return { conversationId, created, messagesAdded, version, provider }
    },
    'capture.attempts': ({ limit, cursor }) => attempts(vault, limit, cursor),
    'capture.stats': () => ({ items: stats(vault) }),
    'conversations.attachment': (params, call) => attachment(vault, params, call.maxSecurityLevel),
    'conversations.append': async (params, call) => {
      const { conversationId, created, messagesAdded, version, status } = vault.transact((tx) =>
        appendMessages(tx, vault, params, vault.now()),
      )
      if (status !== 'unchanged') wakeDerivation()
      if (params.wait === 'indexed') await indexed([conversationId], call.signal)
      return { conversationId, created, messagesAdded, version }
    },
  }
}

function attempts(vault: Vault, limit: number, cursor: string | undefined): Result<'capture.attempts'> {
  const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(decodeCursor(cursor, 1)[0])
  type Item = Result<'capture.attempts'>['items'][number]
  const rows = vault.all<Item & { id: number }>(
    `SELECT id, at, provider, status, error_code AS error, conversation_id AS conversationId, job_id AS jobId,
       source_url AS url
     FROM capture_attempts WHERE id < ? ORDER BY id DESC LIMIT ?`,
    [before, limit + 1],
  )
  return pageOf(
    rows,
    limit,
    ({ id: _, ...item }): Item => item,
    ({ id }) => [id],
  )
}

function stats(vault: Vault): Result<'capture.stats'>['items'] {
  return vault.all(
    `SELECT ifnull(provider, '') AS provider, count(*) AS attempts, sum(status = 'created') AS created,
       sum(status = 'updated') AS updated, sum(status = 'unchanged') AS unchanged, sum(status = 'failed') AS failed,
       max(at) AS lastAt
     FROM capture_attempts GROUP BY 1 ORDER BY 1`,
  )
}
