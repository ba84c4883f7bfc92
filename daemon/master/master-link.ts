import type { KeyObject } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Result } from '../../schema/methods/index.ts'
import { publicKeyBytes } from '../identity/ed25519.ts'
import { publicKeyOfPeer } from '../identity/node-key.ts'
import type { Network } from '../network/network.ts'
import { HealthWatch } from './health-watch.ts'
import type { JoinAddress } from './join-address.ts'
import { HeadExchange } from './log/head-exchange.ts'
import { LogReader } from './log/log-reader.ts'
import type { LogState } from './log/stored-log.ts'
import type { MasterLog } from './master-log.ts'
import type { Outbox } from './outbox.ts'
import { OutboxPublisher } from './outbox-publisher.ts'
import type { OwnMasterOptions } from './own-master.ts'
import { PublishedRecords } from './published-records.ts'
import type { Registry } from './registry.ts'
import { REGISTRY_PROTOCOL, REGISTRY_STREAM } from './registry-frames.ts'
import { RemoteRegistry } from './remote-registry.ts'

/** What a node is to others, and where its registry is. */
export interface MasterPlace {
  readonly role: 'solo' | 'member' | 'bootstrap'
  /** Of a member: its bootstrap node. */
  readonly join?: JoinAddress | undefined
  /** Of a bootstrap node: somebody else's PostgreSQL in place of one of its own. */
  readonly databaseUrl?: string | undefined
}

export interface MasterLinkOptions {
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
  readonly count: (name: string) => void
  /** How the bootstrap role runs its PostgreSQL; for tests. */
  readonly postgres?: OwnMasterOptions['postgres']
}

interface Parts extends MasterLinkOptions {
  readonly outbox: Outbox
  /** A number in [0, 1). */
  readonly chance: () => number
  readonly onChange: () => void
}

/** The registry this node uses, with its beginning and its end. */
interface Side extends Registry {
  start(): Promise<void>
  stop(): Promise<void>
  count?(): Promise<{ users: number; devices: number }>
  newGeneration?(generation: number): Promise<LogState>
  providerStats?(): Promise<Result<'master.providerStats'>['items']>
}

/** The way to one master: its registry, what is published there, its log as a reader sees it, and whether it answers. */
export class MasterLink {
  readonly #parts: Parts
  readonly #place: MasterPlace
  readonly side: Side
  readonly reader: LogReader
  readonly published: PublishedRecords
  readonly watch: HealthWatch
  readonly #publisher: OutboxPublisher
  readonly #exchange: HeadExchange
  readonly #stopListening: () => void

  private constructor(parts: Parts, place: MasterPlace, make: (link: () => MasterLink) => Side) {
    const { folder, outbox, network, log, now, count, chance, ownPeers, headsEveryMs } = parts
    this.#parts = parts
    this.#place = place
    this.side = make(() => this)
    this.reader = this.#readerOf()
    const published = new PublishedRecords({
      folder: join(folder, 'published'),
      outbox,
      reader: this.reader,
      log,
      count,
      onAgain: () => this.#publisher.hurry(),
    })
    this.published = published
    this.#publisher = new OutboxPublisher({
      outbox,
      registry: this.side,
      log,
      count,
      chance,
      onTaken: (record) => published.took(record),
      onEmpty: () => void published.audit(),
    })
    this.#exchange = new HeadExchange({
      network,
      reader: this.reader,
      peers: ownPeers,
      count,
      ...(headsEveryMs === undefined ? {} : { everyMs: headsEveryMs }),
    })
    this.watch = new HealthWatch({
      ping: (signal) => this.side.ping(signal),
      now,
      onChange: (online) => this.#changed(online),
    })
    this.#stopListening = network.onPeer((peerId) => {
      if (peerId === place.join?.peerId) void this.watch.look()
    })
    // A master that was never seen has nothing of what another one took.
    if (!this.reader.head) published.publishAgain()
  }

  /** Undefined for a node without a master. Connects to nothing yet. */
  static async to(place: MasterPlace, parts: Parts): Promise<MasterLink | undefined> {
    const { role, join: address, databaseUrl } = place
    const { network, count } = parts
    if (role === 'bootstrap') {
      // PostgreSQL's client is loaded only where it is used.
      const { OwnMaster } = await import('./own-master.ts')
      const make = (link: () => MasterLink) =>
        new OwnMaster({
          ...parts,
          databaseUrl,
          instanceKey: parts.nodeKey,
          onForged: (did) => link().reader.forged(did),
          onNews: () => void link().watch.look(),
        })
      return new MasterLink(parts, place, make)
    }
    if (!address) return undefined
    return new MasterLink(parts, place, (link) => {
      const remote = new RemoteRegistry({
        open: (signal) => network.open(address, REGISTRY_PROTOCOL, { ...REGISTRY_STREAM, signal }),
        count,
        onForged: (did) => link().reader.forged(did),
      })
      return Object.assign(remote, { start: async () => {}, stop: async () => remote.close() })
    })
  }

  /** Never fails for want of a master. A PostgreSQL of our own is waited for, within bounds. */
  async start(): Promise<void> {
    const { role, databaseUrl } = this.#place
    const first = this.side.start().then(() => this.watch.look())
    // What is elsewhere may take its time.
    if (role !== 'bootstrap' || databaseUrl !== undefined) return
    await Promise.race([first, delay(LIMITS.masterStartMs, undefined, { ref: false })])
  }

  /** Never throws. Records that wait are on the disk. */
  async stop(): Promise<void> {
    this.#stopListening()
    this.#exchange.stop()
    await Promise.all([this.#publisher.stop(), this.watch.stop(), this.published.stop()])
    await this.side.stop()
  }

  /**
   * One that did not answer when it was last looked at is not asked: nobody waits for it. It is looked at every few
   * seconds, and asked again once it is back. @throws VivimError `Unavailable`
   */
  insistOnAnswers(): void {
    if (this.watch.online || this.watch.problem === undefined) return
    this.#parts.count('master.spared')
    throw new VivimError('Unavailable', `The master does not answer: ${this.watch.problem}`, {
      retryAfterMs: LIMITS.masterPingMs,
    })
  }

  /** There is something to publish. */
  hurry(): void {
    this.#publisher.hurry()
  }

  /** Who signs its log is in the address that a member was given. */
  #readerOf(): LogReader {
    const { folder, network, nodeKey, now, log, count } = this.#parts
    const address = this.#place.join
    const publicKey = (address && publicKeyOfPeer(address.peerId)) ?? publicKeyBytes(nodeKey)
    return new LogReader({
      file: join(folder, 'registry-reader.json'),
      instance: { peerId: address?.peerId ?? network.peerId, publicKey },
      registry: this.side,
      now,
      log,
      count,
      onGeneration: () => this.published.publishAgain(),
    })
  }

  #changed(online: boolean): void {
    const { log, outbox, onChange } = this.#parts
    if (online) log.info({ waiting: outbox.size }, 'the master is online')
    else log.warn({ problem: this.watch.problem }, 'the master is offline')
    if (online) {
      this.#publisher.hurry()
      void this.published.audit()
      void this.#lookAtLog()
    }
    onChange()
  }

  /** And at what own devices saw of it. */
  async #lookAtLog(): Promise<void> {
    await this.reader.refresh().catch(() => {})
    await this.#exchange.exchange()
  }
}
