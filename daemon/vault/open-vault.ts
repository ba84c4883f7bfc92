import { sign as signEd25519 } from 'node:crypto'
import { deviceTag } from '../../crdt/device.ts'
import type { LogPosition } from '../../crdt/frontier.ts'
import { type ClockState, receive, tick } from '../../crdt/hlc.ts'
import type { Operation } from '../../crdt/operation.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { TEXT_SESSION_BYTES } from '../../crdt/text.ts'
import { Authority } from './authority.ts'
import { Blobs } from './blobs.ts'
import type { ClockWatch } from './clock-watch.ts'
import { Database } from './database.ts'
import { publicKeyOf } from './device-key.ts'
import { Eraser } from './eraser.ts'
import { anyInOpenSegment, ErasedMarkers, hollowByIds, markersOf, type RowName } from './erasure.ts'
import { ErasureGuard } from './erasure-guard.ts'
import { Erasures } from './erasures.ts'
import { entityOf } from './fact-columns.ts'
import { type OperationParts, writeFacts } from './fact-writer.ts'
import { FloorPositions } from './floor-positions.ts'
import { forgetRows } from './forgetting.ts'
import { Forks } from './forks.ts'
import { HeldOperations } from './held-operations.ts'
import { Incarnations, type OwnLog } from './incarnations.ts'
import { LogQuota } from './log-quota.ts'
import { Logs } from './logs.ts'
import { Members } from './members.ts'
import { MembershipRecords } from './membership-records.ts'
import { latestSchemaVersion, migrate, removeCopies } from './migrations.ts'
import { NamedRows } from './named-rows.ts'
import type { Follow, OpenVault, VaultOptions } from './open-vault-interface.ts'
import { OperationLog } from './operation-log.ts'
import { insistNotForgotten } from './pending-floor.ts'
import { metaText, prepareSpace } from './prepare-space.ts'
import { isPurgePending, owedAcknowledgement, purgeFile } from './purging.ts'
import { nothingReceived, type Received } from './received.ts'
import { type FoundOperations, RowRemaker } from './remake-rows.ts'
import { RemoteOperations } from './remote-operations.ts'
import { RowStore } from './row-store.ts'
import { Sealing } from './sealing.ts'
import { readSegments } from './segment-reader.ts'
import { ClockSettling } from './settle-clock.ts'
import type { SqlValue } from './sql.ts'
import { storeClock, storedClock } from './stored-clock.ts'
import type { AddingChange, FactChange, VaultTransaction } from './vault.ts'
import { VoidOperations } from './void-operations.ts'

export type { Follow, OpenVault, VaultOptions } from './open-vault-interface.ts'

/** Opens a person's vault, makes it when it is new, and finishes what a crash left undone. */
export function openVault(options: VaultOptions): OpenVault {
  const database = new Database(options.path)
  try {
    migrate(database, options.path)
    return new FileVault(database, options)
  } catch (error) {
    database.close()
    throw error
  }
}

class FileVault implements OpenVault {
  readonly did: string
  readonly database: Database
  readonly logs: Logs
  readonly rows: RowStore
  readonly space: number
  readonly now: () => number
  readonly #path: string
  readonly #sealing: Sealing
  readonly #blobs: Blobs
  readonly #erased: ErasedMarkers
  readonly #openLog: (own: OwnLog) => OperationLog
  readonly #incarnations: Incarnations
  readonly #settling: ClockSettling
  #own: OwnLog
  #log: OperationLog
  readonly #remote: RemoteOperations
  readonly #eraser: Eraser
  readonly remaker: RowRemaker
  readonly members: Members
  readonly records: MembershipRecords
  readonly authority: Authority
  readonly voids: VoidOperations
  readonly held: HeldOperations
  readonly erasures: Erasures
  readonly floorPositions: FloorPositions
  readonly mayWrite: (device: Uint8Array) => boolean
  readonly signAsDevice: (message: Uint8Array) => Uint8Array
  readonly verifyAsDevice: OpenVault['verifyAsDevice']
  readonly forks: Forks
  readonly clockWatch: ClockWatch
  onCommit: () => void = () => {}
  onClockDoubted: () => void = () => {}
  #changes = 0
  readonly #tag: Uint8Array
  /** Who edits texts while this vault is open: a copy of it never writes as the same. */
  readonly #session: Uint8Array
  #clock: ClockState

  constructor(database: Database, options: VaultOptions) {
    this.did = options.did
    this.database = database
    this.now = options.now
    this.#path = options.path
    removeCopies(options.path, COPIES_KEPT_MS, options.now())
    this.#sealing = new Sealing(options.vaultKey)
    this.#blobs = new Blobs(database, this.#sealing)
    this.logs = new Logs(database)
    const device = publicKeyOf(options.deviceKey)
    this.#tag = deviceTag(device)
    this.#session = options.random(TEXT_SESSION_BYTES)
    const space = prepareSpace(database, options.did, this.#tag)
    this.space = space
    this.#incarnations = new Incarnations({
      sql: database,
      space,
      device,
      vaultPath: options.path,
      random: options.random,
      now: options.now,
    })
    this.#own = this.#incarnations.open()
    this.rows = new RowStore(database, this.logs.deviceOf)
    this.#erased = new ErasedMarkers(database, space, options.spaceSecret)
    this.#clock = storedClock(database)
    this.members = new Members(database, options.readMember)
    const { did, spaceSecret, verifyRoot } = options
    const spaceId = privateSpaceId(did)
    this.records = new MembershipRecords({ sql: database, did, spaceId, spaceSecret, verifyRoot })
    const { logs, members, records } = this
    this.authority = new Authority({ sql: database, logs, members, records, space })
    this.voids = new VoidOperations(database, logs, space)
    this.#openLog = ({ ref, incarnation }) =>
      new OperationLog({
        sql: database,
        ref,
        id: { space: spaceId, device, incarnation },
        sign: (message) => this.signAsDevice(message),
        random: options.random,
        membershipHead: () => this.authority.headFor(ref),
      })
    this.#log = this.#openLog(this.#own)
    this.held = new HeldOperations(database)
    this.floorPositions = new FloorPositions(database, this.logs, space)
    this.mayWrite = (writer) =>
      Buffer.compare(writer, device) === 0 || (this.members.has(writer) && !this.authority.isTakenOut(writer))
    this.signAsDevice = (message) => signEd25519(null, message, options.deviceKey)
    this.verifyAsDevice = options.verify
    this.erasures = new Erasures(database, this.logs, space)
    const names = new NamedRows({ sql: database, space, held: this.held, markers: this.#erased })
    this.#eraser = new Eraser({
      sql: database,
      space,
      log: () => this.#log,
      rows: this.rows,
      names,
      markers: this.#erased,
      erasures: this.erasures,
      operation: (entity, marker) =>
        this.#operation({ kind: 'ERASE', entity, key: marker, columns: new Map() }),
      now: options.now,
    })
    this.#settling = new ClockSettling({
      vault: this,
      peers: options.peers,
      device,
      erased: this.#erased,
      incarnations: this.#incarnations,
      eraser: this.#eraser,
      own: () => this.#own,
      log: () => this.#log,
      goOnIn: (own) => this.#goOnIn(own),
      clock: () => this.#clock,
      setClock: (clock) => {
        this.#clock = clock
      },
      write: (changes) => this.#write(changes),
    })
    this.clockWatch = this.#settling.watch
    this.remaker = new RowRemaker(this, this.#erased)
    this.forks = new Forks(database, space, spaceId)
    const guard = new ErasureGuard({
      sql: database,
      space,
      logs,
      erasures: this.erasures,
      markers: this.#erased,
      names,
      own: device,
      members,
    })
    this.#remote = new RemoteOperations({
      sql: database,
      logs: this.logs,
      branches: this.forks.branches,
      forks: this.forks,
      rows: this.rows,
      held: this.held,
      erased: this.#erased,
      erasures: this.erasures,
      space,
      spaceId,
      authority: this.authority,
      voids: this.voids,
      ownLog: () => this.ownLog,
      verify: options.verify,
      guard,
      quota: new LogQuota(logs, this.authority, space),
      isCertified: (writer) => Buffer.compare(writer, device) === 0 || this.members.has(writer),
      floors: this.floorPositions,
    })
  }

  all<T extends object>(sql: string, params?: readonly SqlValue[]): T[] {
    return this.database.all<T>(sql, params)
  }

  get<T extends object>(sql: string, params?: readonly SqlValue[]): T | undefined {
    return this.database.get<T>(sql, params)
  }

  run(sql: string, params?: readonly SqlValue[]): number {
    return this.database.run(sql, params)
  }

  transact<T>(work: (tx: VaultTransaction) => T): T {
    const clock = this.#clock
    const result = this.#transact(() => {
      const value = work(this.#transaction)
      if (this.#clock !== clock) {
        this.#log.commit()
        this.#storeClock()
      }
      return value
    })
    if (this.#clock !== clock) {
      this.#incarnations.committed()
      this.#changes++
      this.onCommit()
    }
    return result
  }

  receive(segments: readonly Uint8Array[], follow: Follow): Received {
    return this.#takeIn(() => this.#remote.receive(segments, this.#clock, this.now()), follow)
  }

  saveMembers(documents: readonly Uint8Array[], follow: Follow): Received | undefined {
    const now = this.now()
    let news = false
    const received = this.#takeIn(() => {
      const members = this.members.save(documents, now)
      const { changed, membership } = this.records.save(documents, now)
      news = changed || members
      if (membership) this.#log.membershipChanged()
      // Without a log every certified device's operations count, as they do already.
      if (!membership && !(members && this.records.log.size > 0)) return nothingReceived(this.#clock)
      return this.#remote.rejudge(this.#clock, now)
    }, follow)
    return news ? received : undefined
  }

  releaseHeld(follow: Follow, fromNewerProgram = false): Received {
    return this.#takeIn(() => this.#remote.release(this.#clock, this.now(), fromNewerProgram), follow)
  }

  remakeRows(found: FoundOperations, follow: Follow): Received & { readonly remade: number } {
    return this.#takeIn(() => this.remaker.remake(found, this.#clock), follow)
  }

  #takeIn<R extends Received>(take: () => R, follow: Follow): R {
    let wrote = false
    const received = this.#transact(() => {
      const clock = this.#clock
      const taken = take()
      // Somebody else writes this device's log: a copy of this vault. It goes on in one of its own.
      if (taken.ownLogGrew) this.#beginIncarnation()
      this.#clock = taken.clockFalls ? this.#settling.newest() : taken.clock
      const hidden = this.#eraser.hide(taken.hidden)
      const erased = this.#eraser.eraseMarked(taken.erased)
      follow(this.#transaction, { ...taken, merged: [...taken.merged, ...hidden] }, erased)
      wrote = this.#clock !== taken.clock
      if (wrote) this.#log.commit()
      if (this.#clock !== clock) this.#storeClock()
      return taken
    })
    this.#incarnations.committed()
    this.#changes++
    if (received.operations > 0 || wrote) this.onCommit()
    return received
  }

  settleClock(follow: Follow): Received | undefined {
    const unsettled = this.#settling.find()
    return unsettled && this.#takeIn(() => this.#settling.settle(unsettled), follow)
  }

  #goOnIn(own: OwnLog): void {
    this.#own = own
    this.#log = this.#openLog(own)
  }

  #beginIncarnation(): void {
    this.#goOnIn(this.#incarnations.begin())
  }

  #transact<T>(work: () => T): T {
    if (this.database.inTransaction) throw new Error('transactions do not nest')
    const [own, log] = [this.#own, this.#log]
    const rollBackLog = log.snapshot()
    const clock = this.#clock
    this.database.run('BEGIN IMMEDIATE')
    try {
      const result = work()
      this.database.run('COMMIT')
      return result
    } catch (error) {
      if (this.database.inTransaction) this.database.run('ROLLBACK')
      rollBackLog()
      this.#own = own
      this.#log = log
      this.#clock = clock
      this.logs.reload()
      this.#erased.reload()
      this.members.reload()
      this.records.reload()
      this.authority.reload()
      this.voids.reload()
      throw error
    }
  }

  readSegments(log: LogPosition, maxBytes: number): { segments: Uint8Array[]; upTo: number } {
    const found = this.logs.find(this.space, log)
    if (!found || found.suspect !== null) return { segments: [], upTo: log.sequence - 1 }
    const source = { ...found, space: privateSpaceId(this.did) }
    const read = readSegments(this.database, source, log.sequence + found.start - 1, maxBytes)
    return { ...read, upTo: read.upTo - found.start + 1 }
  }

  transactDerived<T>(work: (tx: VaultTransaction) => T): T {
    this.database.durability = 'NORMAL'
    try {
      return this.transact((tx) => work({ ...tx, write: refuseFacts }))
    } finally {
      this.database.durability = 'FULL'
    }
  }

  seal(purpose: string, bytes: Uint8Array): Uint8Array {
    return this.#sealing.seal(purpose, bytes)
  }

  unseal(purpose: string, sealed: Uint8Array): Uint8Array {
    return this.#sealing.unseal(purpose, sealed)
  }

  secretTag(text: string): string {
    return this.#sealing.tag(text)
  }

  getBlob(hash: string): Uint8Array | undefined {
    return this.#blobs.get(hash)
  }

  erase(_: VaultTransaction, rows: readonly RowName[]): void {
    this.#settling.doubt()
    this.#eraser.erase(rows)
  }

  get appliedFloor(): string {
    return metaText(this.database, 'floor') ?? ''
  }

  hashAt(log: number, seq: number): Uint8Array | undefined {
    return this.floorPositions.hashAt(log, seq)
  }

  forget(rows: readonly RowName[], last: ClockState): void {
    this.#transact(() => {
      this.#log.closeSegment()
      forgetRows(this, rows, last)
      this.database.run('DELETE FROM snapshot_chunks')
      this.database.run('DELETE FROM snapshots')
    })
    this.#changes++
  }

  beginAgain(replace: (tx: VaultTransaction) => ClockState, reissue: (tx: VaultTransaction) => void): void {
    this.#transact(() => {
      this.#clock = receive(this.#clock, replace(this.#transaction))
      this.#erased.reload()
      this.#beginIncarnation()
      reissue(this.#transaction)
      this.#log.commit()
      this.#storeClock()
    })
    this.#incarnations.committed()
    this.#changes++
    this.onCommit()
  }

  eraseAgain(_: VaultTransaction, erased: readonly { entity: number; marker: Uint8Array }[]): void {
    this.#settling.doubt()
    this.#eraser.eraseAgain(markersOf(erased))
  }

  dropBodies(ids: readonly number[]): void {
    this.#transact(() => {
      if (anyInOpenSegment(this.database, this.ownLog, ids)) this.#log.closeSegment()
      hollowByIds(this.database, ids)
    })
  }

  get ownLog(): number {
    return this.#own.ref
  }

  get changes(): number {
    return this.#changes
  }

  get purgePending(): boolean {
    return isPurgePending(this.database)
  }

  purge(): void {
    purgeFile(this, this.#path)
    this.acknowledgePurge()
  }

  acknowledgePurge(): void {
    const owed = this.purgePending ? undefined : owedAcknowledgement(this)
    if (!owed) return
    const { deviceDid, purged } = owed
    this.transact((tx) =>
      tx.write([{ kind: 'UPDATE', entity: 'Device', key: deviceDid, values: { purged } }]),
    )
  }

  close(): void {
    try {
      this.#incarnations.close()
    } finally {
      this.database.close()
    }
  }

  readonly #transaction: VaultTransaction = this.#makeTransaction()

  #makeTransaction(): VaultTransaction {
    return {
      all: (sql, params) => this.database.all(sql, params),
      get: (sql, params) => this.database.get(sql, params),
      run: (sql, params) => this.database.run(sql, params),
      write: (changes) => this.#write(changes),
      isErased: (name, key) => this.#erased.has({ entity: entityOf(name), key }),
      putBlob: (bytes, conversationId) => this.#blobs.put(bytes, conversationId),
    }
  }

  #write(changes: readonly (FactChange | AddingChange)[]): void {
    this.authority.insistOnMember(this.logs.deviceOf(this.ownLog).device)
    this.#settling.doubt()
    const named = changes.map(({ entity, key }): RowName => ({ entity: entityOf(entity), key }))
    insistNotForgotten(this.database, this.space, this.appliedFloor, named)
    writeFacts(changes, {
      space: this.space,
      log: this.#log,
      session: this.#session,
      rows: this.rows,
      erased: this.#erased,
      operation: (parts) => this.#operation(parts),
    })
  }

  #operation(parts: OperationParts): Operation {
    this.#clock = tick(this.#clock, this.now())
    return {
      hlc: { ...this.#clock, device: this.#tag },
      kind: parts.kind,
      table: parts.entity.number,
      key: parts.key,
      schemaVersion: SCHEMA_VERSION,
      columns: parts.columns,
    }
  }

  #storeClock(): void {
    storeClock(this.database, this.#clock, this.#tag)
  }
}

const SCHEMA_VERSION = latestSchemaVersion()
/** A copy made before a migration is kept this long after it. */
const COPIES_KEPT_MS = 7 * 24 * 3_600_000

function refuseFacts(): never {
  throw new Error('facts are written durably')
}
