import type { RegistryEntry } from '../master/registry.ts'
import type { Metrics } from '../metrics.ts'
import type { Network } from '../network/network.ts'
import type { SyncService } from '../sync/sync-service.ts'
import { MailboxKeeper } from './mailbox-keeper.ts'
import { MailboxService, type MailboxServiceOptions } from './mailbox-service.ts'
import type { Keeper } from './mailbox-visit.ts'

export interface StartMailboxesOptions
  extends Pick<MailboxServiceOptions, 'replicate' | 'now' | 'random' | 'log'> {
  readonly role: 'solo' | 'member' | 'bootstrap'
  /** Of a member: its bootstrap node. */
  readonly keeper: Keeper | undefined
  /** Where a bootstrap node keeps what others leave. */
  readonly folder: string
  readonly network: Network
  readonly sync: Pick<SyncService, 'dids' | 'party' | 'learn'>
  readonly find: (did: string) => Promise<RegistryEntry | undefined>
  readonly metrics: Pick<Metrics, 'count' | 'gauge'>
}

export interface RunningMailboxes {
  committed(did: string): void
  soon(did: string, ms: number): void
  stop(): Promise<void>
}

/** What a node does with mailboxes: a bootstrap node keeps them, a member uses them, any other does without. */
export function startMailboxes(options: StartMailboxesOptions): RunningMailboxes {
  const { role, keeper: address, network, sync, replicate, now, random, log, metrics } = options
  const { count } = metrics
  if (role === 'bootstrap') {
    const { folder, find } = options
    const keeper = new MailboxKeeper({ network, folder, find, now, count })
    metrics.gauge('mailbox.bytes', () => keeper.bytes)
    metrics.gauge('mailbox.mailboxes', () => keeper.mailboxes)
    keeper.start()
    return { committed: () => {}, soon: () => {}, stop: async () => keeper.stop() }
  }
  if (!address) return { committed: () => {}, soon: () => {}, stop: async () => {} }
  const service = new MailboxService({
    network,
    keeper: address,
    dids: () => sync.dids,
    party: (did) => sync.party(did),
    learn: (did, documents) => sync.learn(did, documents),
    replicate,
    now,
    random,
    log,
    count,
  })
  service.start()
  return service
}
