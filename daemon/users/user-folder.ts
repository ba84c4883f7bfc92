import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { createFile, syncFolder } from '../identity/atomic-file.ts'
import { userHash } from '../identity/user-hash.ts'

const PRIVATE = 0o700
const PENDING = 'work.pending'
const SHARED = 'devices.several'
const MADE = 'vault.made'
const SUCCEEDED = 'root.succeeded'

/** Where one user's files are: `<users>/<aa>/<hash>`; `aa`, the hash's first two digits, keeps folders small. */
export class UserFolder {
  readonly path: string

  constructor(usersFolder: string, hash: string) {
    this.path = join(usersFolder, hash.slice(0, 2), hash)
  }

  static of(usersFolder: string, did: string): UserFolder {
    return new UserFolder(usersFolder, userHash(did))
  }

  get databasePath(): string {
    return join(this.path, 'vault.db')
  }

  /** Makes it, mode 0700, durably; does nothing when it is there. */
  make(): void {
    if (existsSync(this.path)) return
    const parent = dirname(this.path)
    mkdirSync(this.path, { recursive: true, mode: PRIVATE })
    for (const folder of [this.path, parent]) chmodSync(folder, PRIVATE)
    syncFolder(parent)
    syncFolder(dirname(parent))
  }

  /** Removes it and everything in it, durably. The database must be closed. */
  remove(): void {
    const parent = dirname(this.path)
    if (!existsSync(parent)) return
    rmSync(this.path, { recursive: true, force: true })
    syncFolder(parent)
    if (readdirSync(parent).length > 0) return
    rmdirSync(parent)
    syncFolder(dirname(parent))
  }

  /** The database has work a crash must not forget. */
  get workPending(): boolean {
    return this.#has(PENDING)
  }

  markWorkPending(pending: boolean): void {
    this.#mark(PENDING, pending)
  }

  /** There are other devices: a node that starts looks for them. */
  get hasOtherDevices(): boolean {
    return this.#has(SHARED)
  }

  markOtherDevices(some: boolean): void {
    if (some !== this.hasOtherDevices) this.#mark(SHARED, some)
  }

  /** The root key has a successor; known also while the database is locked. */
  get isSucceeded(): boolean {
    return this.#has(SUCCEEDED)
  }

  markSucceeded(): void {
    if (!this.isSucceeded) this.#mark(SUCCEEDED, true)
  }

  /** The database was here and is gone, or is empty: a new one in its place would look as if nothing had ever been. */
  get databaseIsLost(): boolean {
    return this.#has(MADE) && (statSync(this.databasePath, { throwIfNoEntry: false })?.size ?? 0) === 0
  }

  markDatabaseMade(): void {
    if (!this.#has(MADE)) this.#mark(MADE, true)
  }

  /**
   * Moves a damaged database out of the way and answers where it is. The database itself goes last, and the mark that
   * there was one after it: whatever a crash leaves is no empty database, nor one with another one's write-ahead log.
   */
  setDatabaseAside(now: number): string {
    const aside = join(this.path, `damaged-${new Date(now).toISOString().replaceAll(':', '-')}`)
    mkdirSync(aside, { mode: PRIVATE })
    for (const name of ['vault.db-wal', 'vault.db-shm', 'vault.db.boot', 'vault.db'])
      if (existsSync(join(this.path, name))) renameSync(join(this.path, name), join(aside, name))
    rmSync(`${this.databasePath}.lock`, { recursive: true, force: true })
    syncFolder(aside)
    syncFolder(this.path)
    this.#mark(MADE, false)
    return aside
  }

  #has(name: string): boolean {
    return existsSync(join(this.path, name))
  }

  /** Durable when it returns. */
  #mark(name: string, on: boolean): void {
    if (on) createFile(join(this.path, name), new Uint8Array())
    else {
      rmSync(join(this.path, name), { force: true })
      syncFolder(this.path)
    }
  }
}
