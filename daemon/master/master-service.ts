import { join } from 'node:path'
import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import { issueConnectionQuestion } from '../identity/connection-question.ts'
import type { Random } from '../identity/key-wrapping.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { JoinAddress } from './join-address.ts'
import { logReport } from './log/log-report.ts'
import type { LogState } from './log/stored-log.ts'
import { MasterLink, type MasterLinkOptions, type MasterPlace } from './master-link.ts'
import { Outbox } from './outbox.ts'
import { type CheckedRecord, checkedRecord, type RecordKind } from './record-kinds.ts'
import type { RegistryEntry } from './registry.ts'

/** A question for what is new goes back so far behind the last head: an answer is older than what is proven of it; ms. */
const OVERLAP_MS = 60_000

export interface MasterServiceOptions extends MasterPlace, MasterLinkOptions {
  readonly random: Random
}

export type MasterState = Result<'node.status'>['master']

/**
 * What this node tells the registry and asks of it. Nothing local waits for a master: records to publish are kept until
 * it takes them, and whether it answers is watched.
 */
export class MasterService {
  readonly #options: MasterServiceOptions
  readonly #outbox: Outbox
  readonly #listeners = new Set<() => void>()
  #place: MasterPlace
  #link: MasterLink | undefined
  #moving: Promise<void> = Promise.resolve()

  constructor(options: MasterServiceOptions) {
    const { role, join: address, databaseUrl } = options
    this.#options = options
    this.#place = { role, join: address, databaseUrl }
    this.#outbox = new Outbox(join(options.folder, 'outbox'), options.log)
  }

  /** Never fails for want of a master. A PostgreSQL of our own is waited for, within bounds. */
  async start(): Promise<void> {
    const parts = {
      ...this.#options,
      outbox: this.#outbox,
      chance: this.#chance,
      onChange: () => this.#changed(),
    }
    this.#link = await MasterLink.to(this.#place, parts)
    await this.#link?.start()
  }

  /** Never throws. Records that wait are on the disk. */
  async stop(): Promise<void> {
    await this.#moving
    await this.#link?.stop()
  }

  get role(): MasterPlace['role'] {
    return this.#place.role
  }

  /**
   * Becomes a member of that master, or of none; users, keys and data stay. What the one before had taken is published
   * again at the next. @throws VivimError `Conflict` for a bootstrap node, which keeps a registry itself
   */
  async moveTo(address: JoinAddress | undefined): Promise<void> {
    if (this.#place.role === 'bootstrap')
      throw new VivimError(
        'Conflict',
        'A bootstrap node keeps the registry itself: it joins and leaves nobody.',
      )
    const move = this.#moving.then(() => this.#moveTo(address))
    this.#moving = move.catch(() => {})
    await move
  }

  async #moveTo(address: JoinAddress | undefined): Promise<void> {
    const link = this.#link
    if (address?.peerId !== this.#place.join?.peerId) link?.published.publishAgain()
    this.#link = undefined
    await link?.stop()
    this.#place = { role: address ? 'member' : 'solo', join: address }
    await this.start()
    this.#changed()
  }

  /** For `node.status`. */
  state(): MasterState {
    const watch = this.#link?.watch
    return watch ? { state: watch.online ? 'online' : 'offline', since: watch.since } : { state: 'none' }
  }

  /** Calls `listener` whenever the master comes or goes. Answers a function that ends it. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The network came up or went: looks at once. */
  networkChanged(): void {
    void this.#link?.watch.look()
  }

  /**
   * Resolves when a record is sure to be published, if ever there is a master; at once for one that it took already.
   * @throws as `Outbox.add`
   */
  async publish(kind: RecordKind, bytes: Uint8Array): Promise<void> {
    const record = checkedRecord({ kind, bytes })
    if (this.#link?.published.has(record)) return
    this.#outbox.add(kind, bytes)
    this.#link?.hurry()
  }

  /** A user was deleted: what waits about them is not published. */
  forget(did: string): void {
    this.#outbox.forget(did)
    this.#link?.published.forget(did)
  }

  /** What the master knows of a DID; only what is signed by them. @throws VivimError `Unavailable`, `RateLimited` */
  async find(did: string, signal?: AbortSignal): Promise<RegistryEntry | undefined> {
    if (this.#link) {
      this.#link.insistOnAnswers()
      return this.#link.reader.find(did, signal)
    }
    throw new VivimError('Unavailable', 'This node has no master.', {
      hint: '`vivimd master join MULTIADDR` makes it a member of one.',
    })
  }

  /**
   * What was written to a person, and by them, of a time (`since`, by the master's clock) or, with 0, all of it. `next`:
   * the `since` with which nothing is left out between this answer and the next one.
   * @throws VivimError `Unavailable`, `RateLimited`, `Forbidden`
   */
  async connections(keys: UserKeys, since: number): Promise<{ records: CheckedRecord[]; next: number }> {
    const link = this.#link
    if (!link) throw new VivimError('Unavailable', 'This node has no master.')
    link.insistOnAnswers()
    const next = Math.max(0, link.reader.headTime - OVERLAP_MS)
    const at = this.#options.now()
    const records = await link.reader.connections(keys.did, since, (instance) =>
      issueConnectionQuestion(keys, { instance, at, since }),
    )
    return { records, next }
  }

  /**
   * The operator begins the log of this master anew: its database is not what readers have seen of it any more.
   * @throws VivimError `Conflict` unless this is a bootstrap node, `Unavailable`
   */
  async newGeneration(): Promise<LogState> {
    const link = this.#link
    if (!link?.side.newGeneration)
      throw new VivimError('Conflict', 'This node keeps no registry: only its operator can begin it anew.')
    const state = await link.side.newGeneration((link.reader.head?.generation ?? 0) + 1)
    await link.reader.refresh()
    return state
  }

  /**
   * What all nodes say of captures, added up. @throws VivimError `Conflict` unless this is a bootstrap node, `Unavailable`
   */
  async providerStats(): Promise<Result<'master.providerStats'>> {
    const side = this.#link?.side
    if (!side?.providerStats)
      throw new VivimError('Conflict', 'This node keeps no registry: its bootstrap node adds the counts up.')
    return { items: await side.providerStats() }
  }

  /** Peer id of the bootstrap node this one is a member of. */
  get instancePeerId(): string | undefined {
    return this.#place.join?.peerId
  }

  /** Keeps what this bootstrap node signed itself. @throws as `Registry.put` */
  async putOwn(kind: RecordKind, bytes: Uint8Array): Promise<void> {
    if (!this.#link) throw new VivimError('Unavailable')
    await this.#link.side.put(kind, bytes)
  }

  /** For `master.status`. */
  async status(): Promise<Result<'master.status'>> {
    const { role, join: address } = this.#place
    const link = this.#link
    const state = this.state()
    const problem = state.state === 'offline' ? link?.watch.problem : undefined
    return {
      role,
      ...state,
      ...(problem === undefined ? {} : { problem }),
      ...(role === 'bootstrap' ? { address: this.#ownAddress() } : {}),
      ...(address === undefined ? {} : { joined: address.text }),
      waiting: this.#outbox.size,
      ...(link ? { log: logReport(link.reader.report(), role) } : {}),
      ...(state.state === 'online' ? await link?.side.count?.().catch(() => ({})) : {}),
    }
  }

  #changed(): void {
    for (const listener of [...this.#listeners]) listener()
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
