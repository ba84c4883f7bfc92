import { copyFileSync, existsSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { KnownMembers } from '../../crdt/engine.ts'
import { type Frontier, type LogPosition, logName } from '../../crdt/frontier.ts'
import { type OpenVault, openVault } from '../../daemon/vault/open-vault.ts'
import { createReplica, type ReplicaActions, releaseHeld } from '../../daemon/vault/replica.ts'
import { SyncCursors } from '../../daemon/vault/sync-cursors.ts'
import { VivimError } from '../../schema/errors.ts'
import type { SeededRandom } from '../support/seed.ts'
import type { SyncReplica } from './session-end.ts'
import type { Family, FamilyDevice } from './vault-family.ts'

/** The process ends here. Thrown from inside the database; nobody who is part of the product may catch it. */
export class Crash extends Error {}

/** The files of a vault as they stood at some moment. */
export interface VaultImage {
  readonly path: string
}

/** A device with a real vault, whose process may end at any statement and whose file may be put back. */
export class VaultReplica implements SyncReplica {
  readonly family: Family
  readonly member: FamilyDevice
  readonly device: Uint8Array
  /** What its clock shows more than the time of the world; ms. */
  offset = 0
  /** The latest time its clock ever showed. */
  latest = 0
  readonly #random: SeededRandom
  readonly #time: () => number
  readonly #folder: string
  #files = 0
  #path: string
  #vault: OpenVault
  #actions: ReplicaActions
  /** Statements until the process ends, and whether the last one is still carried out. */
  #crash: { in: number; after: boolean } | undefined
  #dead = false
  /** The length of the write-ahead log that is known to be on the disk. */
  #durable = 0
  #promised: Frontier = []
  /** The statement before or after which the last crash came. */
  crashedAt = ''

  constructor(options: {
    readonly family: Family
    readonly member: FamilyDevice
    readonly random: SeededRandom
    readonly time: () => number
    readonly folder: string
    readonly introduced: boolean
  }) {
    this.family = options.family
    this.member = options.member
    this.device = options.member.device
    this.#random = options.random
    this.#time = options.time
    this.#folder = options.folder
    this.#path = this.#newPath()
    this.family.place(this.member, this.#path, options.introduced)
    const opened = this.#open()
    this.#vault = opened.vault
    this.#actions = opened.actions
  }

  get vault(): OpenVault {
    return this.#vault
  }

  get isDead(): boolean {
    return this.#dead
  }

  get purgeDue(): boolean {
    return this.#vault.purgePending
  }

  get path(): string {
    return this.#path
  }

  frontier(): Frontier {
    return this.#actions.frontier({})
  }

  members(peer: Uint8Array): KnownMembers {
    return { ...this.#actions.members({}), peerIsMember: this.isMember(peer) }
  }

  /** The head of its own log; sequence 0 while that is empty. */
  ownHead(): LogPosition {
    const { device, incarnation, head_seq } = this.#vault.logs
      .list(this.#vault.space)
      .find(({ ref }) => ref === this.#vault.ownLog)!
    return { device, incarnation, sequence: head_seq }
  }

  /** How many operations it holds. */
  operations(): number {
    return this.frontier().reduce((sum, { sequence }) => sum + sequence, 0)
  }

  isMember(device: Uint8Array): boolean {
    return this.#vault.members.has(device)
  }

  saveMembers(documents: readonly Uint8Array[]): void {
    this.#durably(() => this.#actions.saveMembers({ documents }))
  }

  read(log: LogPosition, maxBytes: number) {
    return this.#actions.read({ log, maxBytes })
  }

  apply(segments: readonly Uint8Array[]) {
    try {
      return this.#durably(() => this.#actions.apply({ segments }))
    } catch (error) {
      if (error instanceof VivimError && ['Corrupt', 'Forbidden'].includes(error.code)) return undefined
      throw error
    }
  }

  missingBlobs(): readonly Uint8Array[] {
    return this.#actions.missingBlobs({})
  }

  readBlob(hash: Uint8Array, offset: number, maxBytes: number) {
    return this.#actions.readBlob({ hash, offset, maxBytes })
  }

  storeBlobPiece(hash: Uint8Array, offset: number, total: number, bytes: Uint8Array): void {
    this.#actions.storeBlobPiece({ hash, offset, total, bytes })
  }

  acknowledged(device: Uint8Array, positions: readonly LogPosition[]): void {
    this.#actions.acknowledged({ device, positions })
  }

  /** One transaction of the person who uses this device. */
  transact(work: (vault: OpenVault) => void): void {
    this.#durably(() => work(this.#vault))
  }

  releaseHeld(): void {
    this.#durably(() => releaseHeld(this.#replicaOptions(this.#vault)))
  }

  purge(): void {
    if (this.#vault.purgePending) this.#vault.purge()
    else this.#vault.acknowledgePurge()
    this.#durable = walBytes(this.#path)
  }

  /** The process ends at one of the next statements. */
  armCrash(): void {
    this.#crash = { in: 1 + this.#random.integer(25), after: this.#random.next() < 0.5 }
  }

  disarmCrash(): void {
    this.#crash = undefined
  }

  /**
   * After a crash, or instead of one: the process is gone, and its disk holds what was written, or less. Answers what
   * is wrong: other devices were told that this one holds what it no longer does.
   */
  restart(powerLoss: boolean): string[] {
    const promised = this.#promised
    const image = this.image()
    const length = walBytes(image.path)
    if (powerLoss && length > this.#durable)
      truncateSync(`${image.path}-wal`, this.#durable + this.#random.integer(length - this.#durable))
    this.putBack(image)
    const heads = new Map(this.frontier().map((head) => [logName(head), head.sequence]))
    return promised
      .filter((head) => (heads.get(logName(head)) ?? 0) < head.sequence)
      .map(() => 'a log is shorter than it was when others were told')
  }

  /** Ends the process in order and starts it again. */
  reopen(): void {
    this.#crash = undefined
    this.#vault.close()
    this.#start()
  }

  /** A copy of the vault's files. */
  image(): VaultImage {
    const path = this.#newPath()
    copyFiles(this.#path, path)
    return { path }
  }

  /** The vault's files are those of the image from now on; the image can be used again. */
  putBack({ path }: VaultImage): void {
    this.#abandon()
    this.#path = this.#newPath()
    copyFiles(path, this.#path)
    this.#start()
  }

  close(): void {
    this.#abandon()
  }

  #start(): void {
    const { vault, actions } = this.#open()
    this.#vault = vault
    this.#actions = actions
    this.#promised = actions.frontier({})
  }

  #open(): { vault: OpenVault; actions: ReplicaActions } {
    this.#dead = false
    this.#crash = undefined
    const now = () => {
      const time = this.#time() + this.offset
      this.latest = Math.max(this.latest, time)
      return time
    }
    const vault = openVault(this.family.optionsOf(this.member, this.#path, now, this.#random.bytes))
    this.#intercept(vault)
    this.#durable = walBytes(this.#path)
    return { vault, actions: createReplica(this.#replicaOptions(vault)) }
  }

  #replicaOptions(vault: OpenVault) {
    return {
      vault,
      cursors: new SyncCursors(vault, vault.logs, vault.space),
      forgetDerived: () => {},
      wakeDerivation: () => {},
      purgeSoon: () => {},
    }
  }

  /** Statements are counted where all of them pass. */
  #intercept(vault: OpenVault): void {
    const { database } = vault
    const run = database.run.bind(database)
    const all = database.all.bind(database)
    database.run = (sql, params) => {
      if (this.#dead) throw new Crash()
      if (!this.#crash || --this.#crash.in > 0) return run(sql, params)
      if (this.#crash.after) run(sql, params)
      this.#dead = true
      this.crashedAt = `${this.#crash.after ? 'after' : 'before'} ${sql.split(/\s/, 1)[0]}`
      throw new Crash()
    }
    database.all = (sql, params) => {
      if (this.#dead) throw new Crash()
      return all(sql, params)
    }
  }

  #durably<T>(work: () => T): T {
    const result = work()
    this.#durable = walBytes(this.#path)
    this.#promised = this.#actions.frontier({})
    return result
  }

  #abandon(): void {
    this.#dead = true
    try {
      this.#vault.close()
    } catch {} // a transaction may be open: what this writes is looked at by nobody
    for (const end of ['', '-wal']) rmSync(`${this.#path}${end}`, { force: true })
  }

  #newPath(): string {
    return join(this.#folder, `${this.member.number}-${this.#files++}.db`)
  }
}

function walBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
}

function copyFiles(from: string, to: string): void {
  copyFileSync(from, to)
  if (existsSync(`${from}-wal`)) copyFileSync(`${from}-wal`, `${to}-wal`)
}
