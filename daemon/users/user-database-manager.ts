import type { KeyObject } from 'node:crypto'
import { mkdirSync, renameSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import type { Frontier } from '../../crdt/frontier.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import { ownCall } from '../device-names.ts'
import { certifiedAnew, isRenewalDue } from '../identity/certificate-life.ts'
import type { Random } from '../identity/key-wrapping.ts'
import type { Keystore, PairedUser, UserRecord } from '../identity/keystore.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { UserCounts } from '../master/stats-reporter.ts'
import type { ReplicaAction, ReplicaActions } from '../vault/replica.ts'
import { createPairedUser, createUser } from './create-user.ts'
import { OpenUsers } from './open-users.ts'
import { PendingUsers } from './pending-users.ts'
import { RestartBackoff } from './restart-backoff.ts'
import type { UserCall } from './user-engine.ts'
import type { EngineListeners, UserEngineOptions } from './user-engine-options.ts'
import { UserFolder } from './user-folder.ts'
import type { OpenUserHost, UserHost, UserHostOptions } from './user-host.ts'

export interface UserDatabaseManagerOptions {
  /** Made when absent, mode 0700. */
  readonly usersFolder: string
  readonly keystore: Keystore
  readonly openHost: OpenUserHost
  readonly now: () => number
  readonly random: Random
  readonly log: {
    error(details: object, message: string): void
    warn(details: object, message: string): void
  }
  readonly clockOffsetMs?: number
  /** Operations were made or taken in. */
  readonly onCommitted?: (did: string, frontier: Frontier, written: readonly Uint8Array[]) => void
  /** A user's keys are in use: their database was opened. */
  readonly onKeys?: (keys: UserKeys) => void
  /** A user was locked or deleted: their keys are out of use. */
  readonly onGone?: (did: string) => void
  /** A user was made or restored here. */
  readonly onCreated?: (keys: UserKeys, displayName: string | null) => void
  readonly onDeleted?: (did: string) => void
  /** The root key certified this device anew. */
  readonly onRenewed?: (keys: UserKeys) => void
  /** The node's own folders, which no import may read. */
  readonly privateFolders?: readonly string[]
  /** A new way to the shared token counter, for one more worker. */
  readonly tokenizer?: () => MessagePort
  /** By default those of LIMITS. */
  readonly openUsers?: number
  readonly userBusyMs?: number
  readonly userRoomMs?: number
  readonly deadlineOf?: UserHostOptions['deadlineOf']
}

export interface HealthCheck {
  readonly name: string
  readonly ok: boolean
  readonly ms: number
  readonly message?: string
}

/**
 * Opens, closes, creates and deletes users' databases. Keys of users with a passphrase are kept from sign-in to `lock`,
 * so that an evicted user can be opened again; those of unattended users are read when needed.
 */
export class UserDatabaseManager {
  readonly #options: UserDatabaseManagerOptions
  readonly #keystore: Keystore
  readonly #unlocked = new Map<string, UserKeys>()
  readonly #open: OpenUsers
  readonly #backoff: RestartBackoff
  readonly #pending: PendingUsers

  constructor(options: UserDatabaseManagerOptions) {
    mkdirSync(options.usersFolder, { recursive: true, mode: 0o700 })
    this.#options = options
    this.#keystore = options.keystore
    this.#backoff = new RestartBackoff(options.now)
    this.#open = new OpenUsers({
      limit: options.openUsers ?? LIMITS.openUsers,
      busyMs: options.userBusyMs ?? LIMITS.userBusyMs,
      waitMs: options.userRoomMs ?? LIMITS.userRoomMs,
      now: options.now,
      open: (did) => this.#openUser(did),
    })
    this.#pending = new PendingUsers(
      (did) => this.#open.get(did),
      (error) => options.log.error({ code: codeOf(error) }, 'a user with unfinished work cannot be opened'),
    )
  }

  /** At start, before anything is opened: finishes what a crash interrupted. */
  async sweep(): Promise<void> {
    const { unreadable } = await this.#keystore.sweep((hash) => this.#folder(hash).remove())
    if (unreadable.length > 0)
      this.#options.log.error(
        { count: unreadable.length },
        'keystore files failed their check and are left alone',
      )
  }

  /** Opens unattended users whose last work was not finished. */
  async resumePending(): Promise<void> {
    for (const { did, unattended } of this.#keystore.list())
      if (unattended && this.#folderOf(did).workPending) this.#pending.add(did)
    await this.#pending.resume()
  }

  /** Makes or restores a user with an empty database. @throws as `createUser` */
  async createUser(params: Params<'users.create'>): Promise<Result<'users.create'>> {
    const { keystore, usersFolder, random, onCreated } = this.#options
    let made: UserKeys | undefined
    const createDatabase = (keys: UserKeys) => {
      made = keys
      return this.createUserDatabase(keys)
    }
    const created = await createUser({ keystore, usersFolder, random, createDatabase }, params)
    if (made) onCreated?.(made, params.displayName ?? null)
    return created
  }

  /** Writes a whole copy of a user's database, without free pages, to a new file. @throws as `getClient`, `StorageFull` */
  async copyDatabase(did: string, path: string): Promise<void> {
    const host = await this.getClient(did)
    await host.replicate('copyTo', { path })
  }

  /**
   * Makes this node a device of somebody, from what another device handed over.
   * @param database a file to begin with, which is moved; in the same file system
   * @throws as `createPairedUser`
   */
  async createPairedUser(user: PairedUser, database?: string): Promise<UserKeys> {
    const { keystore, usersFolder, random } = this.#options
    const createDatabase = (keys: UserKeys) => {
      if (database !== undefined) renameSync(database, this.#folderOf(keys.did).databasePath)
      return this.createUserDatabase(keys)
    }
    const keys = await createPairedUser({ keystore, usersFolder, random, createDatabase }, user)
    if (!user.unattended) this.#unlocked.set(keys.did, keys)
    return keys
  }

  /** Makes the empty database of new keys and checks that it answers. Leaves it closed. */
  async createUserDatabase(keys: UserKeys): Promise<void> {
    const host = await this.#start(keys)
    try {
      await host.probe()
    } finally {
      await host.close()
    }
  }

  /**
   * Proves who the caller is and makes the user available.
   * @throws as `Keystore.unlock`
   */
  async unlock(did: string, passphrase?: string): Promise<{ did: string; deviceDid: string }> {
    const opened = await this.#keystore.unlock(did, passphrase)
    const record = this.#keystore.get(did)
    if (!record) throw new VivimError('Unauthorized')
    const keys = passphrase === undefined ? opened : await this.#renewAtSignIn(opened, passphrase)
    if (!record.unattended) this.#unlocked.set(did, keys)
    return { did, deviceDid: keys.deviceDid }
  }

  /** Closes the database and forgets the keys. Answers whether the next use needs a passphrase. */
  async lock(did: string): Promise<boolean> {
    const record = this.#keystore.get(did)
    if (!record) throw new VivimError('NotFound', 'There is no such user on this node.')
    this.#unlocked.delete(did)
    this.#pending.delete(did)
    this.#options.onGone?.(did)
    await this.#open.close(did)
    return this.isLocked(record)
  }

  /** The open engine of a user. @throws `Unauthorized` when locked, `NotFound`, `UserUnavailable` with `retryAfterMs` */
  getClient(did: string): Promise<UserHost> {
    return this.#open.get(did)
  }

  /** The keys of a user who is unattended or signed in. @throws `Unauthorized` when locked, `NotFound` */
  async keysOf(did: string): Promise<UserKeys> {
    return this.#unlocked.get(did) ?? (await this.#readKeys(did))
  }

  /** Keeps renewed certificates, and the epoch keys that came with them. @throws as `Keystore.renew` */
  keepRenewed(keys: UserKeys): void {
    this.#keystore.renew(keys)
    if (this.#unlocked.has(keys.did)) this.#unlocked.set(keys.did, keys)
  }

  /** The root key certifies this device for another year. @throws as `keysOf`, `StorageFull` */
  async renewWith(did: string, rootKey: KeyObject): Promise<UserKeys> {
    const renewed = certifiedAnew(await this.keysOf(did), rootKey, this.#options.now())
    this.keepRenewed(renewed)
    this.#options.onRenewed?.(renewed)
    return renewed
  }

  /** Where the passphrase opens the root key too, the certificate is renewed when it is time. */
  async #renewAtSignIn(keys: UserKeys, passphrase: string): Promise<UserKeys> {
    const { now, log, onRenewed } = this.#options
    if (!isRenewalDue(keys.chain, now()) || !this.#keystore.holdsRoot(keys.did)) return keys
    try {
      const renewed = certifiedAnew(keys, await this.rootKeyOf(keys.did, passphrase), now())
      this.keepRenewed(renewed)
      onRenewed?.(renewed)
      return renewed
    } catch (error) {
      log.warn({ code: codeOf(error) }, 'the certificate of a device was not renewed')
      return keys
    }
  }

  /** The user's root key, where this device keeps it under a passphrase. @throws as `Keystore.rootKey` */
  rootKeyOf(did: string, passphrase: string): Promise<KeyObject> {
    return this.#keystore.rootKey(did, passphrase)
  }

  /** Asks a user's vault if it is open; that counts as no use of it. Never throws. */
  async replicateIfOpen<A extends ReplicaAction>(
    did: string,
    action: A,
    params: Parameters<ReplicaActions[A]>[0],
  ): Promise<Awaited<ReturnType<ReplicaActions[A]>> | undefined> {
    try {
      return await this.#open.peek(did)?.replicate(action, params)
    } catch {
      return undefined
    }
  }

  /** What captures of a user came to, if their database is open; that counts as no use of it. Never throws. */
  async captureCounts(did: string): Promise<UserCounts | undefined> {
    const host = this.#open.peek(did)
    if (!host) return undefined
    try {
      const { items: stats } = await host.call('capture.stats', {}, ownCall())
      const { items: sources } = await host.call('capture.providers', {}, ownCall())
      return { stats, known: sources.map(({ provider }) => provider) }
    } catch {
      return undefined
    }
  }

  /** The way to a database that is open now; asking does not count as use. */
  openVault(did: string): UserHost['replicate'] | undefined {
    const host = this.#open.peek(did)
    return host && ((action, params) => host.replicate(action, params))
  }

  /** Unattended users who have other devices. */
  sharedUsers(): string[] {
    return this.#keystore
      .list()
      .filter(({ did, unattended }) => unattended && this.#folderOf(did).hasOtherDevices)
      .map(({ did }) => did)
  }

  noteDevices(did: string, count: number): void {
    if (this.#keystore.get(did)) this.#folderOf(did).markOtherDevices(count > 1)
  }

  isSucceeded(did: string): boolean {
    return this.#folderOf(did).isSucceeded
  }

  noteSucceeded(did: string): void {
    if (this.#keystore.get(did)) this.#folderOf(did).markSucceeded()
  }

  /** Removes keys, then database, from this node. A crash on the way is finished by `sweep`. */
  async deleteUserDatabase(did: string): Promise<void> {
    if (!this.#keystore.get(did)) throw new VivimError('NotFound', 'There is no such user on this node.')
    this.#keystore.beginDelete(did)
    this.#unlocked.delete(did)
    this.#pending.delete(did)
    this.#backoff.forget(did)
    this.#options.onGone?.(did)
    await this.#open.close(did)
    this.#folderOf(did).remove()
    this.#keystore.remove(did)
    this.#options.onDeleted?.(did)
  }

  /**
   * Begins a damaged database anew: other devices of the user send what they hold when they meet. Answers where the
   * damaged one is kept.
   * @throws VivimError `Unauthorized` when locked, `NotFound`, `Conflict` when it is whole or nobody else has the data
   */
  async repair(did: string, passphrase?: string): Promise<string> {
    if (passphrase !== undefined) await this.unlock(did, passphrase)
    const keys = await this.keysOf(did)
    const folder = this.#folderOf(did)
    if (!folder.hasOtherDevices)
      throw new VivimError('Conflict', 'No other device of that user is known: nobody could send the data.', {
        hint: 'vivimd backup restore FILE, after deleting the user here.',
      })
    if (await this.#isWhole(did))
      throw new VivimError('Conflict', 'The database of that user is whole.', { hint: 'vivimd sync verify' })
    this.#pending.delete(did)
    this.#options.onGone?.(did)
    await this.#open.close(did)
    const aside = folder.setDatabaseAside(this.#options.now())
    this.#backoff.forget(did)
    await this.createUserDatabase(keys)
    // Whoever holds the data is looked for from now on.
    await this.#open.get(did)
    return aside
  }

  async #isWhole(did: string): Promise<boolean> {
    try {
      // What it says now, not what it said last.
      this.#backoff.forget(did)
      const host = await this.#open.get(did)
      const verified = await host.call('sync.verify', {}, NOBODY)
      return verified.ok
    } catch (error) {
      if (error instanceof VivimError && ['Corrupt', 'Internal'].includes(error.code)) return false
      throw error
    }
  }

  list(): UserRecord[] {
    return this.#keystore.list()
  }

  isLocked({ did, unattended }: UserRecord): boolean {
    return !unattended && !this.#unlocked.has(did)
  }

  get openCount(): number {
    return this.#open.size
  }

  /** Writes and reads back in every open database. */
  health(): Promise<HealthCheck[]> {
    return Promise.all(this.#open.hosts().map(([did, host]) => probe(did, host)))
  }

  async closeAll(budgetMs?: number): Promise<void> {
    this.#pending.stop()
    await this.#open.closeAll(budgetMs)
    this.#unlocked.clear()
  }

  async #openUser(did: string): Promise<UserHost> {
    const waitMs = this.#backoff.waitMs(did)
    if (waitMs > 0)
      throw new VivimError('UserUnavailable', "The user's database is being opened again.", {
        retryAfterMs: waitMs,
      })
    const keys = await this.keysOf(did)
    try {
      const host = await this.#start(keys)
      this.#options.onKeys?.(keys)
      return host
    } catch (error) {
      this.#backoff.failed(did, this.#options.now())
      throw error
    }
  }

  #readKeys(did: string): Promise<UserKeys> {
    const record = this.#keystore.get(did)
    if (!record) throw new VivimError('NotFound', 'There is no such user on this node.')
    if (!record.unattended)
      throw new VivimError('Unauthorized', 'That user is locked.', { hint: 'Sign in with the passphrase.' })
    return this.#keystore.unlock(did)
  }

  async #start(keys: UserKeys): Promise<UserHost> {
    const {
      now,
      log,
      openHost,
      deadlineOf,
      clockOffsetMs = 0,
      privateFolders = [],
      tokenizer,
    } = this.#options
    const { did, deviceDid, deviceKey, vaultKey, spaceSecret } = keys
    const folder = this.#folderOf(did)
    folder.make()
    if (folder.databaseIsLost)
      throw new VivimError('Corrupt', 'The database of that user is gone.', {
        hint: `With another device: vivimd user repair ${did}. Without: delete the user here and restore a backup.`,
      })
    const openedAt = now()
    const engine: Omit<UserEngineOptions, EngineListeners> = {
      did,
      deviceDid,
      deviceKey,
      vaultKey,
      spaceSecret,
      databasePath: folder.databasePath,
      clockOffsetMs,
      privateFolders,
      ...(tokenizer ? { tokenizer: tokenizer() } : {}),
    }
    const host = await openHost(engine, {
      now,
      log,
      ...(deadlineOf ? { deadlineOf } : {}),
      onPendingWork: (pending) => this.#notePending(folder, pending),
      onCommitted: (frontier, written) => this.#options.onCommitted?.(did, frontier, written),
      onDeath: () => this.#died(did, openedAt, folder),
    })
    folder.markDatabaseMade()
    return host
  }

  /** At once, not later: the answer that follows may acknowledge the work. */
  #notePending(folder: UserFolder, pending: boolean): void {
    try {
      folder.markWorkPending(pending)
    } catch (error) {
      this.#options.log.error({ code: codeOf(error) }, 'the marker of unfinished work cannot be written')
    }
  }

  #died(did: string, openedAt: number, folder: UserFolder): void {
    this.#backoff.failed(did, openedAt)
    void this.#open.close(did)
    if (!folder.workPending) return
    this.#pending.add(did)
    void this.#pending.resume()
  }

  #folder(hash: string): UserFolder {
    return new UserFolder(this.#options.usersFolder, hash)
  }

  #folderOf(did: string): UserFolder {
    return UserFolder.of(this.#options.usersFolder, did)
  }
}

/** A call of the node's own: it shows no content. */
const NOBODY: UserCall = {
  maxSecurityLevel: 0,
  mayReadPaths: false,
  signal: new AbortController().signal,
  progress: () => {},
}

async function probe(did: string, host: UserHost): Promise<HealthCheck> {
  const started = performance.now()
  const name = `user ${did.slice(-8)}`
  const ms = () => Math.round((performance.now() - started) * 10) / 10
  try {
    await host.probe()
    return { name, ok: true, ms: ms() }
  } catch (error) {
    return { name, ok: false, ms: ms(), message: error instanceof VivimError ? error.message : 'failed' }
  }
}

function codeOf(error: unknown): string {
  if (error instanceof VivimError) return error.code
  return (error as NodeJS.ErrnoException).code ?? 'unknown'
}
