import {
  decodeProgress,
  type MailboxItem,
  mailboxAccessSeed,
  mailboxId,
  openItem,
} from '../../crdt/mailbox.ts'
import type { EpochKey } from '../../crdt/sealed-message.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { verify } from '../identity/ed25519.ts'
import type { SyncParty } from '../sync/party.ts'
import type { Replicate } from '../sync/sync-session.ts'
import type { MailboxVisit } from './mailbox-visit.ts'

export interface CollectOptions {
  readonly visit: MailboxVisit
  readonly party: () => SyncParty | undefined
  readonly replicate: Replicate
  readonly learn: (documents: readonly Uint8Array[]) => Promise<void>
  readonly count: (name: string, by?: number) => void
}

interface Waiting {
  readonly bytes: Uint8Array
  readonly number: number
}

/**
 * Takes what others left for this device and removes it from the keeper: of every epoch that is known, and of those
 * that are learnt of on the way. Answers whether something was taken in.
 */
export async function collect(options: CollectOptions): Promise<boolean> {
  const seen = new Set<number>()
  let any = false
  for (;;) {
    const party = options.party()
    const epoch = party?.keys.epochs.find(({ epoch }) => !seen.has(epoch))
    if (!party || !epoch) return any
    seen.add(epoch.epoch)
    if (await collectEpoch(options, party, epoch)) any = true
  }
}

async function collectEpoch(options: CollectOptions, party: SyncParty, epoch: EpochKey): Promise<boolean> {
  const { visit, count } = options
  const id = mailboxId(epoch, party.device)
  await visit.open(id, mailboxAccessSeed(epoch, party.device), null)
  let waiting: Waiting[] = []
  let bytes = 0
  let any = false
  const flush = async () => {
    if (waiting.length === 0) return
    if (await apply(options, waiting)) any = true
    // Only what is durable here goes there.
    await visit.delete(waiting.map(({ number }) => number))
    waiting = []
    bytes = 0
  }
  for (const { number } of await visit.list()) {
    const sealed = await visit.fetch(number)
    const item = openItem([epoch], id, sealed)
    count(item ? 'mailbox.collected' : 'mailbox.unopened')
    if (item?.type === 'segment') {
      if (bytes + item.bytes.length > LIMITS.syncApplyBytes) await flush()
      waiting.push({ bytes: item.bytes, number })
      bytes += item.bytes.length
      continue
    }
    await flush()
    if (item) await takeIn(options, party, item)
    await visit.delete([number])
  }
  await flush()
  return any
}

/** All of it, or what can be taken of it one by one: a gap is filled by the next comparison. */
async function apply(options: CollectOptions, waiting: readonly Waiting[]): Promise<boolean> {
  try {
    const { operations } = await options.replicate('apply', { segments: waiting.map(({ bytes }) => bytes) })
    options.count('mailbox.operations.applied', operations)
    return true
  } catch (error) {
    if (!isRefusal(error)) throw error
    let any = false
    if (waiting.length === 1) options.count('mailbox.segments.refused')
    else for (const one of waiting) if (await apply(options, [one])) any = true
    return any
  }
}

async function takeIn(
  { learn, replicate, count }: CollectOptions,
  party: SyncParty,
  item: MailboxItem,
): Promise<void> {
  if (item.type === 'members') {
    await learn(item.documents).catch((error: unknown) => {
      if (!isRefusal(error)) throw error
      count('mailbox.members.refused')
    })
    return
  }
  if (item.type !== 'progress') return
  const progress = decodeProgress(item.statement)
  const known = party.others.some(({ device }) => progress && Buffer.compare(device, progress.device) === 0)
  if (!progress || !known || !verify(progress.device, item.statement, item.signature))
    return count('mailbox.progress.refused')
  await replicate('acknowledged', { device: progress.device, positions: progress.positions })
}

function isRefusal(error: unknown): boolean {
  return error instanceof VivimError && ['Corrupt', 'Forbidden', 'TooLarge'].includes(error.code)
}
