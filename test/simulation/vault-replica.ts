import { copyFileSync, existsSync, mkdirSync, rmSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import type { KnownMembers } from '../../crdt/engine.ts'
import { readEpochWrap } from '../../crdt/epoch-wrap.ts'
import { type Frontier, type LogPosition, logName } from '../../crdt/frontier.ts'
import { rootVerifier } from '../../daemon/identity/member-reader.ts'
import { makeRevocation } from '../../daemon/identity/revocation.ts'
import { type OpenVault, openVault } from '../../daemon/vault/open-vault.ts'
import { PeerClock } from '../../daemon/vault/peer-clock.ts'
import { createReplica, type ReplicaActions, releaseHeld, settleClock } from '../../daemon/vault/replica.ts'
import { StateAudit } from '../../daemon/vault/state-audit.ts'
import { SyncCursors } from '../../daemon/vault/sync-cursors.ts'
import { Upkeep } from '../../daemon/vault/upkeep.ts'
import { VivimError } from '../../schema/errors.ts'
import type { SeededRandom } from '../support/seed.ts'
import type { SyncReplica } from './session-end.ts'
import type { Family, FamilyDevice } from './vault-family.ts'

/** The process ends here. Thrown from inside the database; nobody who is part of the product may catch it. */
export class Crash extends Error {}

/** A folder with the files of a vault as they stood at some moment. */
export interface VaultImage {
  readonly folder: string
}

const DATABASE = 'vault.db'
const WRITE_AHEAD_LOG = `${DATABASE}-wal`
/** Tells a vault from a copy of it. */
const BOOT_FILE = `${DATABASE}.boot`

/** A device with a real vault, whose process may end at any statement and whose file may be put back. */
export class VaultReplica implements SyncReplica {
  readonly family: Family
  readonly member: FamilyDevice
  readonly device: Uint8Array
  /** What its clock shows more than the time of the world; ms. */
  offset = 0
  /** The latest time its clock ever showed. */
  latest = 0
  /** It goes on as if nobody had taken it out. */
  deaf = false
  /** Devices are away for long here, and it notes when it met others. */
  readonly #ages: boolean
  readonly #watched: boolean
  readonly #random: SeededRandom
  readonly #time: () => number
  /** Where the vault is, and copies of it beside it. */
  readonly #folder: string
  #images = 0
  #vault: OpenVault
  #actions: ReplicaActions
  /** Statements until the process ends, and whether the last one is still carried out. */
  #crash: { in: number; after: boolean } | undefined
  #dead = false
  /** The length of the write-ahead log that is known to be on the disk. */
  #durable = 0
  #promised: Frontier = []
  /** Of the log it wrote when something was durable last. */
  #incarnation: Uint8Array = new Uint8Array(8)
  /** The statement before or after which the last crash came. */
  crashedAt = ''

  constructor(options: {
    readonly family: Family
    readonly member: FamilyDevice
    readonly random: SeededRandom
    readonly time: () => number
    readonly folder: string
    readonly introduced: boolean
    /** Whether it compares its clock with the others'. */
    readonly watched?: boolean
    /** Whether devices are away for months. */
    readonly ages?: boolean
    /** Instead of a new vault, a copy of another one. */
    readonly image?: VaultImage
  }) {
    this.family = options.family
    this.member = options.member
    this.device = options.member.device
    this.#watched = options.watched ?? false
    this.#ages = options.ages ?? false
    this.#random = options.random
    this.#time = options.time
    this.#folder = options.folder
    mkdirSync(this.#folder)
    if (options.image) copyFiles(options.image.folder, this.#folder, [DATABASE, WRITE_AHEAD_LOG, BOOT_FILE])
    else this.family.place(this.member, this.path, options.introduced)
    const opened = this.#open()
    this.#vault = opened.vault
    this.#actions = opened.actions
    this.#incarnation = this.ownHead().incarnation
  }

  get vault(): OpenVault {
    return this.#vault
  }

  get isDead(): boolean {
    return this.#dead
  }

  get purgeDue(): boolean {
    return this.#vault.purgePending || this.#vault.erasures.owedBy(this.member.did) !== undefined
  }

  get path(): string {
    return join(this.#folder, DATABASE)
  }

  get snapshots(): ReplicaActions | undefined {
    return this.#ages ? this.#actions : undefined
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

  /** Takes another device out, with what this one holds of its logs as cut-offs. */
  remove(lost: VaultReplica): void {
    const { rootKey, did, spaceSecret, epochKey } = this.family
    const { documents, excluded } = this.#actions.members({})
    const revocation = makeRevocation({
      rootKey,
      keys: { did, spaceSecret, epochs: [{ epoch: 0, key: epochKey }] },
      deviceDid: lost.member.did,
      documents,
      excluded,
      frontier: this.frontier(),
      now: this.#time(),
      random: this.#random.bytes,
    })
    // Wraps of the next key hold randomness of the system's own: a seed would not replay. Nothing here is sealed with it.
    const isWrap = (bytes: Uint8Array) => readEpochWrap(bytes, rootVerifier(did)) !== undefined
    this.saveMembers(revocation.documents.filter((bytes) => !isWrap(bytes)))
  }

  /** One round of dropping what is superseded for good; says what this device holds first. */
  async upkeep(): Promise<void> {
    await new Upkeep(this.#vault, this.member.did).run(async () => {}, true)
    this.#durably(() => {})
  }

  /** How many operations it holds. */
  operations(): number {
    return this.frontier().reduce((sum, { sequence }) => sum + sequence, 0)
  }

  isMember(device: Uint8Array): boolean {
    return this.#vault.members.has(device) && !this.#vault.authority.isTakenOut(device)
  }

  /** Names the membership documents it has. */
  membership(): string {
    const { documents, excluded } = this.#actions.members({})
    return JSON.stringify(
      [documents, excluded].map((all) => all.map((bytes) => Buffer.from(bytes).toString('base64')).sort()),
    )
  }

  saveMembers(documents: readonly Uint8Array[]): void {
    if (this.deaf) return
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

  inSync(device: Uint8Array): void {
    if (this.#ages) this.#actions.inSync({ device })
  }

  /** What it wrote while away and could not write again, as `table key`. */
  recovered(): ReadonlySet<string> {
    return new Set(
      this.#vault
        .all<{ table_no: number; key: string }>('SELECT table_no, key FROM recovered_items')
        .map(({ table_no, key }) => `${table_no} ${key}`),
    )
  }

  /** One transaction of the person who uses this device. */
  transact(work: (vault: OpenVault) => void): void {
    this.#durably(() => work(this.#vault))
  }

  releaseHeld(): void {
    this.#durably(() => releaseHeld(this.#replicaOptions(this.#vault)))
  }

  /** Each tells its time when a stream opens. */
  meet(other: VaultReplica): void {
    if (this.#ages) this.#actions.seen({ device: other.device, connected: true })
    this.#vault.clockWatch.hear(other.device, Math.max(0, other.#time() + other.offset))
  }

  part(other: VaultReplica): void {
    this.#vault.clockWatch.hear(other.device, undefined)
  }

  settleClock(): void {
    this.#durably(() => settleClock(this.#replicaOptions(this.#vault)))
  }

  /** Logs of which nobody is told. */
  keptBack(): number {
    return this.#vault.logs.list(this.#vault.space).filter(({ suspect }) => suspect !== null).length
  }

  purge(): void {
    if (this.#vault.purgePending) this.#vault.purge()
    else this.#vault.acknowledgePurge()
    this.#durable = bytesOf(`${this.path}-wal`)
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
    const incarnation = this.#incarnation
    const image = this.image()
    const log = join(image.folder, WRITE_AHEAD_LOG)
    const length = bytesOf(log)
    if (powerLoss && length > this.#durable)
      truncateSync(log, this.#durable + this.#random.integer(length - this.#durable))
    this.#replace(image, [DATABASE, WRITE_AHEAD_LOG])
    // What is kept back goes to another log, and the process may end just after that.
    if (!this.#watched && Buffer.compare(incarnation, this.#incarnation) !== 0)
      return ['a process that was killed goes on in another log']
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
    const folder = join(this.#folder, `image-${this.#images++}`)
    mkdirSync(folder)
    copyFiles(this.#folder, folder, [DATABASE, WRITE_AHEAD_LOG, BOOT_FILE])
    return { folder }
  }

  /** The vault is that of the image from now on, alone or with its whole folder; the image can be used again. */
  putBack(image: VaultImage, whole: boolean): void {
    this.#replace(image, whole ? [DATABASE, WRITE_AHEAD_LOG, BOOT_FILE] : [DATABASE, WRITE_AHEAD_LOG])
  }

  close(): void {
    this.#abandon()
  }

  #replace(image: VaultImage, files: readonly string[]): void {
    this.#abandon()
    for (const file of files) rmSync(join(this.#folder, file), { force: true })
    copyFiles(image.folder, this.#folder, files)
    this.#start()
  }

  #start(): void {
    const { vault, actions } = this.#open()
    this.#vault = vault
    this.#actions = actions
    this.#promised = actions.frontier({})
    this.#incarnation = this.ownHead().incarnation
  }

  #open(): { vault: OpenVault; actions: ReplicaActions } {
    this.#dead = false
    this.#crash = undefined
    const now = () => {
      const time = this.#time() + this.offset
      this.latest = Math.max(this.latest, time)
      return time
    }
    // What it knew of the others' time is forgotten with the process.
    const peers = this.#watched ? new PeerClock(this.#time) : undefined
    const options = this.family.optionsOf(this.member, this.path, now, this.#random.bytes)
    const vault = openVault({ ...options, peers })
    this.#intercept(vault)
    this.#durable = bytesOf(`${this.path}-wal`)
    return { vault, actions: createReplica(this.#replicaOptions(vault)) }
  }

  #replicaOptions(vault: OpenVault) {
    return {
      vault,
      cursors: new SyncCursors(vault, vault.logs, vault.space),
      audit: new StateAudit(vault),
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
    let full = true
    const durability = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(database), 'durability')!
    Object.defineProperty(database, 'durability', {
      set: (level: 'FULL' | 'NORMAL') => {
        full = level === 'FULL'
        durability.set!.call(database, level)
      },
    })
    database.run = (sql, params) => {
      if (this.#dead) throw new Crash()
      const carryOut = () => {
        const changes = run(sql, params)
        if (sql === 'COMMIT' && full) this.#durable = bytesOf(`${this.path}-wal`)
        return changes
      }
      if (!this.#crash || --this.#crash.in > 0) return carryOut()
      if (this.#crash.after) carryOut()
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
    this.#promised = this.#actions.frontier({})
    this.#incarnation = this.ownHead().incarnation
    return result
  }

  #abandon(): void {
    this.#dead = true
    try {
      this.#vault.close()
    } catch {} // a transaction may be open: what this writes is looked at by nobody
  }
}

function bytesOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

function copyFiles(from: string, to: string, files: readonly string[]): void {
  for (const file of files) if (existsSync(join(from, file))) copyFileSync(join(from, file), join(to, file))
}
