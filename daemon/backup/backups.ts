import { mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { dirname, isAbsolute, join, resolve, sep } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type ErrorCode, VivimError } from '../../schema/errors.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { Random } from '../identity/key-wrapping.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { UserDatabaseManager } from '../users/user-database-manager.ts'
import { type BackupContents, makeContents, restoredUser } from './backup-contents.ts'
import type { BackupAnswer, BackupTask } from './backup-thread.ts'

const SCRATCH = '.backup-'

export interface BackupsOptions {
  readonly users: Pick<UserDatabaseManager, 'copyDatabase' | 'createPairedUser' | 'keysOf' | 'list'>
  /** Keys with the epochs that began since the user was opened. */
  readonly currentKeys: (keys: UserKeys) => UserKeys | Promise<UserKeys>
  readonly onRestored: (keys: UserKeys) => Promise<void>
  /** Private to the node: where a copy lies while it is encrypted or checked. */
  readonly scratch: string
  /** The node's own folders: nothing is read from or written to them. */
  readonly privateFolders: readonly string[]
  readonly now: () => number
  readonly random: Random
}

/**
 * One person's database and keys in one encrypted file (age v1), and back as a new device of theirs. A thread of its own
 * does the work on the files.
 */
export class Backups {
  readonly #options: BackupsOptions

  constructor(options: BackupsOptions) {
    this.#options = options
    // What a process that was killed left.
    for (const name of readdirSync(options.scratch))
      if (name.startsWith(SCRATCH)) rmSync(join(options.scratch, name), { recursive: true, force: true })
  }

  /** @throws VivimError `Unauthorized` when locked, `NotFound`, `Conflict` when the file is there, `StorageFull` */
  async create({ did, path, passphrase }: Params<'backup.create'>): Promise<Result<'backup.create'>> {
    const { users, currentKeys, now, random } = this.#options
    const target = this.#outside(path)
    const keys = await currentKeys(await users.keysOf(did))
    const displayName = users.list().find((user) => user.did === did)?.displayName ?? null
    return this.#inScratch(async (folder) => {
      const copy = join(folder, 'copy.db')
      await users.copyDatabase(did, copy)
      const contents = makeContents(keys, displayName, now(), random)
      const { bytes } = await work({ type: 'write', copy, path: target, contents }, passphrase)
      return { path: target, bytes, ...shown(contents) }
    })
  }

  /** Reads it as a restore would. @throws VivimError `Unauthorized`, `Corrupt`, `NotFound` */
  async verify({ path, passphrase }: Params<'backup.verify'>): Promise<Result<'backup.verify'>> {
    return this.#inScratch(async (folder) => {
      const { contents, bytes } = await this.#read(path, passphrase, folder)
      return { path: this.#outside(path), bytes, ...shown(contents) }
    })
  }

  /** @throws as `verify`, and `Conflict` when this node has that user */
  async restore(params: Params<'backup.restore'>): Promise<Result<'backup.restore'>> {
    const { users, onRestored, now, random } = this.#options
    const { path, passphrase, unattended } = params
    return this.#inScratch(async (folder) => {
      const { contents } = await this.#read(path, passphrase, folder)
      const user = restoredUser(contents, { passphrase, unattended, now: now() }, random)
      const keys = await users.createPairedUser(user, join(folder, 'copy.db'))
      await onRestored(keys)
      const { did, displayName, createdAt } = shown(contents)
      return { did, displayName, createdAt, deviceDid: keys.deviceDid }
    })
  }

  #read(path: string, passphrase: string, folder: string) {
    return work({ type: 'read', path: this.#outside(path), into: join(folder, 'copy.db') }, passphrase)
  }

  async #inScratch<T>(task: (folder: string) => Promise<T>): Promise<T> {
    const folder = mkdtempSync(join(this.#options.scratch, SCRATCH))
    try {
      return await task(folder)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  /** @throws VivimError `InvalidParams` for a path in the node's own folders, or where there is no folder */
  #outside(path: string): string {
    if (!isAbsolute(path))
      throw new VivimError('InvalidParams', 'A backup needs a whole path.', { field: 'path' })
    let folder: string
    try {
      folder = realpathSync(dirname(resolve(path)))
    } catch (cause) {
      throw new VivimError('InvalidParams', 'There is no such folder.', { field: 'path', cause })
    }
    if (
      this.#options.privateFolders.some((own) => `${folder}${sep}`.startsWith(`${realpathSync(own)}${sep}`))
    )
      throw new VivimError('InvalidParams', "A backup cannot be in the node's own folders.", {
        field: 'path',
      })
    return join(folder, path.slice(path.lastIndexOf(sep) + 1))
  }
}

function shown({ did, displayName, createdAt, deviceDid }: BackupContents) {
  return { did, displayName, createdAt, deviceDid }
}

function work(task: BackupTask, passphrase: string): Promise<Extract<BackupAnswer, { bytes: number }>> {
  const { promise, resolve, reject } = Promise.withResolvers<Extract<BackupAnswer, { bytes: number }>>()
  const thread = new Worker(
    new URL(import.meta.url.endsWith('.ts') ? './backup-thread.ts' : './backup-thread.js', import.meta.url),
    {
      workerData: { task, passphrase },
    },
  )
  thread.once('message', (answer: BackupAnswer) => {
    if ('code' in answer) reject(new VivimError(answer.code as ErrorCode, answer.message))
    else resolve(answer)
  })
  thread.once('error', reject)
  thread.once('exit', () => reject(new VivimError('Internal')))
  return promise
}
