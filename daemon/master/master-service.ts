import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { Random } from '../identity/key-wrapping.ts'
import type { Network } from '../network/network.ts'
import { HealthWatch } from './health-watch.ts'
import type { JoinAddress } from './join-address.ts'
import type { MasterLog } from './master-log.ts'
import { Outbox } from './outbox.ts'
import { OutboxPublisher } from './outbox-publisher.ts'
import type { OwnMasterOptions } from './own-master.ts'
import type { Registry, RegistryEntry } from './registry.ts'
import { REGISTRY_PROTOCOL, REGISTRY_STREAM } from './registry-frames.ts'
import { RemoteRegistry } from './remote-registry.ts'

export interface MasterServiceOptions {
  readonly role: 'solo' | 'member' | 'bootstrap'
  /** Of a member: its bootstrap node. */
  readonly join?: JoinAddress | undefined
  /** Of a bootstrap node: somebody else's PostgreSQL in place of one of its own. */
  readonly databaseUrl?: string | undefined
  /** `<home>/master`; made when absent, 0700. */
  readonly folder: string
  readonly network: Pick<Network, 'multiaddrs' | 'handle' | 'unhandle' | 'open' | 'onPeer'>
  readonly log: MasterLog
  /** Milliseconds UTC. */
  readonly now: () => number
  readonly random: Random
  readonly count: (name: string) => void
  /** How the bootstrap role runs its PostgreSQL; for tests. */
  readonly postgres?: OwnMasterOptions['postgres']
}

export type MasterState = Result<'node.status'>['master']

/** The registry this node uses, with its beginning and its end. */
interface Side extends Registry {
  start(): Promise<void>
  stop(): Promise<void>
  count?(): Promise<{ users: number; devices: number }>
}

/**
 * What this node tells the registry and asks of it. Nothing local waits for a master: records to publish are kept until
 * it takes them, and whether it answers is watched.
 */
export class MasterService {
  readonly #options: MasterServiceOptions
  readonly #outbox: Outbox
  readonly #listeners = new Set<() => void>()
  #side: Side | undefined
  #publisher: OutboxPublisher | undefined
  #watch: HealthWatch | undefined
  #stopListening: () => void = () => {}

  constructor(options: MasterServiceOptions) {
    this.#options = options
    this.#outbox = new Outbox(join(options.folder, 'outbox'), options.log)
  }

  /** Never fails for want of a master. A PostgreSQL of our own is waited for, within bounds. */
  async start(): Promise<void> {
    const side = await this.#makeSide()
    if (!side) return
    const { role, databaseUrl, log, count, now, network, join: address } = this.#options
    this.#side = side
    this.#publisher = new OutboxPublisher({
      outbox: this.#outbox,
      registry: side,
      log,
      count,
      chance: this.#chance,
    })
    this.#watch = new HealthWatch({
      ping: (signal) => side.ping(signal),
      now,
      onChange: (online) => this.#changed(online),
    })
    this.#stopListening = network.onPeer((peerId) => {
      if (peerId === address?.peerId) void this.#watch?.look()
    })
    const first = side.start().then(() => this.#watch?.look())
    // What is elsewhere may take its time.
    if (role !== 'bootstrap' || databaseUrl !== undefined) return
    await Promise.race([first, delay(LIMITS.masterStartMs, undefined, { ref: false })])
  }

  /** Never throws. Records that wait are on the disk. */
  async stop(): Promise<void> {
    this.#stopListening()
    await Promise.all([this.#publisher?.stop(), this.#watch?.stop()])
    await this.#side?.stop()
  }

  /** For `node.status`. */
  state(): MasterState {
    const watch = this.#watch
    return watch ? { state: watch.online ? 'online' : 'offline', since: watch.since } : { state: 'none' }
  }

  /** Calls `listener` whenever the master comes or goes. Answers a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The network came up or went: looks at once. */
  networkChanged(): void {
    void this.#watch?.look()
  }

  /** Resolves when a user record is sure to be published, if ever there is a master. @throws as `Outbox.add` */
  async publishUser(record: Uint8Array): Promise<void> {
    this.#outbox.add('user', record)
    this.#publisher?.hurry()
  }

  /** The same for a member document. @throws as `Outbox.add` */
  async publishDevice(document: Uint8Array): Promise<void> {
    this.#outbox.add('device', document)
    this.#publisher?.hurry()
  }

  /** A user was deleted: what waits about them is not published. */
  forget(did: string): void {
    this.#outbox.forget(did)
  }

  /** What the master knows of a DID; only what is signed by them. @throws VivimError `Unavailable`, `RateLimited` */
  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    if (this.#side) return this.#side.find(did, signal)
    throw new VivimError('Unavailable', 'This node has no master.', {
      hint: '`vivimd init --join MULTIADDR` makes it a member of one.',
    })
  }

  /** For `master.status`. */
  async status(): Promise<Result<'master.status'>> {
    const { role, join: address } = this.#options
    const state = this.state()
    const problem = state.state === 'offline' ? this.#watch?.problem : undefined
    return {
      role,
      ...state,
      ...(problem === undefined ? {} : { problem }),
      ...(role === 'bootstrap' ? { address: this.#ownAddress() } : {}),
      ...(address === undefined ? {} : { joined: address.text }),
      waiting: this.#outbox.size,
      ...(state.state === 'online' ? await this.#counts() : {}),
    }
  }

  async #makeSide(): Promise<Side | undefined> {
    const { role, join: address, network, count, folder, databaseUrl, log, now, postgres } = this.#options
    if (role === 'bootstrap') {
      // PostgreSQL's client is loaded only where it is used.
      const { OwnMaster } = await import('./own-master.ts')
      const chance = this.#chance
      const onNews = () => void this.#watch?.look()
      return new OwnMaster({
        folder,
        databaseUrl,
        network,
        log,
        now,
        chance,
        count,
        onNews,
        ...(postgres === undefined ? {} : { postgres }),
      })
    }
    if (!address) return undefined
    const remote = new RemoteRegistry({
      open: (signal) => network.open(address, REGISTRY_PROTOCOL, { ...REGISTRY_STREAM, signal }),
      count,
    })
    return Object.assign(remote, { start: async () => {}, stop: async () => remote.close() })
  }

  #changed(online: boolean): void {
    const { log } = this.#options
    if (online) log.info({ waiting: this.#outbox.size }, 'the master is online')
    else log.warn({ problem: this.#watch?.problem }, 'the master is offline')
    if (online) this.#publisher?.hurry()
    for (const listener of [...this.#listeners]) listener()
  }

  async #counts(): Promise<{ users?: number; devices?: number }> {
    return (await this.#side?.count?.().catch(() => undefined)) ?? {}
  }

  /** One that others can use, if there is one. */
  #ownAddress(): string | undefined {
    const all = this.#options.network.multiaddrs()
    return all.find((address) => !/^\/ip4\/127\.|^\/ip6\/::1\//.test(address)) ?? all[0]
  }

  readonly #chance = (): number => {
    const [a = 0, b = 0] = this.#options.random(2)
    return (a * 256 + b) / 65_536
  }
}
