import { Contact, type ReplicatedEntityName } from '../schema/entities/index.ts'
import type { UserDatabaseManager } from './users/user-database-manager.ts'
import { CARRIED, type CarriedRow } from './vault/carry-actions.ts'

export interface CarriedOver {
  readonly conversations: number
  /** All of them, conversations too. */
  readonly rows: number
}

/**
 * Says what one user's vault shows anew in another one's, as that one's own operations: live rows, what is in the trash,
 * attachments, long messages and raw records. What is there is left alone, so that it can go on after it was interrupted.
 */
export async function carryOver(
  users: Pick<UserDatabaseManager, 'getClient'>,
  from: string,
  to: string,
  /** That the new user wants to be in contact with somebody, signed. */
  consentTo: (did: string) => Promise<Uint8Array>,
): Promise<CarriedOver> {
  // Asked for each time: who is not used for long is closed.
  const old = () => users.getClient(from)
  const next = () => users.getClient(to)
  for (let after = { hash: '', conversationId: '' }; ; ) {
    const blob = await (await old()).replicate('carriedBlob', after)
    if (!blob) break
    after = { hash: blob.hash, conversationId: blob.conversationId }
    await (await next()).replicate('takeBlob', blob)
  }
  for (let after = { conversationId: '', contentHash: '' }; ; ) {
    const raw = await (await old()).replicate('carriedRaw', after)
    if (!raw) break
    after = { conversationId: raw.conversationId, contentHash: raw.contentHash }
    await (await next()).replicate('takeRaw', raw)
  }
  const taken = new Map<ReplicatedEntityName, number>()
  for (const entity of CARRIED)
    for (let after = ''; ; ) {
      const rows = await (await old()).replicate('carriedRows', { entity, after })
      const last = rows.at(-1)
      if (!last) break
      after = last.key
      const carried = entity === Contact.name ? await withConsent(rows, consentTo) : rows
      const answer = await (await next()).replicate('takeRows', { entity, rows: carried })
      taken.set(entity, (taken.get(entity) ?? 0) + answer.taken)
    }
  const rows = [...taken.values()].reduce((sum, each) => sum + each, 0)
  return { conversations: taken.get('Conversation') ?? 0, rows }
}

function withConsent(
  rows: readonly CarriedRow[],
  consentTo: (did: string) => Promise<Uint8Array>,
): Promise<CarriedRow[]> {
  return Promise.all(
    rows.map(async (row) => {
      const wants = row.values.state === 'accepted' || row.values.state === 'requested'
      return wants ? { ...row, values: { ...row.values, own_consent: await consentTo(row.key) } } : row
    }),
  )
}
