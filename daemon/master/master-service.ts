import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import { publicKeyBytes } from '../identity/ed25519.ts'
import type { Random } from '../identity/key-wrapping.ts'
import { publicKeyOfPeer } from '../identity/node-key.ts'
import type { Network } from '../network/network.ts'
import { HealthWatch } from './health-watch.ts'
import type { JoinAddress } from './join-address.ts'
import { HeadExchange } from './log/head-exchange.ts'
import { LogReader } from './log/log-reader.ts'
import { logReport } from './log/log-report.ts'
import type { LogState } from './log/stored-log.ts'
import type { MasterLog } from './master-log.ts'
import { Outbox } from './outbox.ts'
import { OutboxPublisher } from './outbox-publisher.ts'
import type { OwnMasterOptions } from './own-master.ts'
import { PublishedRecords } from './published-records.ts'
import { checkedRecord, type RecordKind } from './record-kinds.ts'
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
  readonly network: Pick<Network, 'peerId' | 'multiaddrs' | 'handle' | 'unhandle' | 'open' | 'onPeer'>
  /** The node's own key, of which the network's peer id is a form. */
  readonly nodeKey: KeyObject
  /** Nodes of the other devices of this node's people that are connected. */
  readonly ownPeers: () => readonly string[]
  /** How often heads are compared; for tests. */
  readonly headsEveryMs?: number
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
  newGeneration?(generation: number): Promise<LogState>
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
  #reader: LogReader | undefined
  #published: PublishedRecords | undefined
  #exchange: HeadExchange | undefined
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
    const {
      role,
      databaseUrl,
      log,
      count,
      now,
      network,
      join: address,
      ownPeers,
      headsEveryMs,
    } = this.#options
    this.#side = side
    const reader = this.#readerOf(side)
    const published = new PublishedRecords({
      folder: join(this.#options.folder, 'published'),
      outbox: this.#outbox,
      reader,
      log,
      count,
      onAgain: () => this.#publisher?.hurry(),
    })
    this.#reader = reader
    this.#published = published
    this.#publisher = new OutboxPublisher({
      outbox: this.#outbox,
      registry: side,
      log,
      count,
      chance: this.#chance,
      onTaken: (record) => published.took(record),
      onEmpty: () => void published.audit(),
    })
    this.#exchange = new HeadExchange({
      network,
      reader,
      peers: ownPeers,
      count,
      ...(headsEveryMs === undefined ? {} : { everyMs: headsEveryMs }),
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
    this.#exchange?.stop()
    await Promise.all([this.#publisher?.stop(), this.#watch?.stop(), this.#published?.stop()])
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

  /**
   * Resolves when a record is sure to be published, if ever there is a master; at once for one that it took already.
   * @throws as `Outbox.add`
   */
  async publish(kind: RecordKind, bytes: Uint8Array): Promise<void> {
    const record = checkedRecord({ kind, bytes })
    if (this.#published?.has(record)) return
    this.#outbox.add(kind, bytes)
    this.#publisher?.hurry()
  }

  /** A user was deleted: what waits about them is not published. */
  forget(did: string): void {
    this.#outbox.forget(did)
    this.#published?.forget(did)
  }

  /** What the master knows of a DID; only what is signed by them. @throws VivimError `Unavailable`, `RateLimited` */
  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    if (this.#reader) return this.#reader.find(did, signal)
    throw new VivimError('Unavailable', 'This node has no master.', {
      hint: '`vivimd init --join MULTIADDR` makes it a member of one.',
    })
  }

  /**
   * The operator begins the log of this master anew: its database is not what readers have seen of it any more.
   * @throws VivimError `Conflict` unless this is a bootstrap node, `Unavailable`
   */
  async newGeneration(): Promise<LogState> {
    if (!this.#side?.newGeneration)
      throw new VivimError('Conflict', 'This node keeps no registry: only its operator can begin it anew.')
    const state = await this.#side.newGeneration((this.#reader?.head?.generation ?? 0) + 1)
    await this.#reader?.refresh()
    return state
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
      ...(this.#reader ? { log: logReport(this.#reader.report(), role) } : {}),
      ...(state.state === 'online' ? await this.#counts() : {}),
    }
  }

  async #makeSide(): Promise<Side | undefined> {
    const {
      role,
      join: address,
      network,
      count,
      folder,
      databaseUrl,
      log,
      now,
      postgres,
      nodeKey,
    } = this.#options
    const onForged = (did: string) => this.#reader?.forged(did)
    if (role === 'bootstrap') {
      // PostgreSQL's client is loaded only where it is used.
      const { OwnMaster } = await import('./own-master.ts')
      const chance = this.#chance
      const onNews = () => void this.#watch?.look()
      return new OwnMaster({
        folder,
        databaseUrl,
        instanceKey: nodeKey,
        onForged,
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
      onForged,
    })
    return Object.assign(remote, { start: async () => {}, stop: async () => remote.close() })
  }

  /** Who signs its log is in the address that a member was given. */
  #readerOf(side: Side): LogReader {
    const { folder, network, nodeKey, join: address, now, log, count } = this.#options
    const peerId = address?.peerId ?? network.peerId
    return new LogReader({
      file: join(folder, 'registry-reader.json'),
      instance: {
        peerId,
        publicKey: (address && publicKeyOfPeer(address.peerId)) ?? publicKeyBytes(nodeKey),
      },
      registry: side,
      now,
      log,
      count,
      onGeneration: () => this.#published?.publishAgain(),
    })
  }

  #changed(online: boolean): void {
    const { log } = this.#options
    if (online) log.info({ waiting: this.#outbox.size }, 'the master is online')
    else log.warn({ problem: this.#watch?.problem }, 'the master is offline')
    if (online) {
      this.#publisher?.hurry()
      void this.#published?.audit()
      void this.#lookAtLog()
    }
    for (const listener of [...this.#listeners]) listener()
  }

  /** And at what own devices saw of it. */
  async #lookAtLog(): Promise<void> {
    await this.#reader?.refresh().catch(() => {})
    await this.#exchange?.exchange()
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
