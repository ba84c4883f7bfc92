import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Keystore } from '../../daemon/identity/keystore.ts'
import {
  UserDatabaseManager,
  type UserDatabaseManagerOptions,
} from '../../daemon/users/user-database-manager.ts'
import { commandWorkers } from './command-hosts.ts'

/** A keystore and a manager over a folder of their own, with small real engines in workers. */
export interface ManagedUsers {
  readonly folder: string
  readonly keystore: Keystore
  readonly users: UserDatabaseManager
  readonly log: { message: string; details: object }[]
  /** What the next process would have over the same folder. The one before must be closed. */
  next(changes?: Partial<UserDatabaseManagerOptions>): UserDatabaseManager
  [Symbol.asyncDispose](): Promise<void>
}

export function manageUsers(changes: Partial<UserDatabaseManagerOptions> = {}): ManagedUsers {
  const folder = mkdtempSync(join(tmpdir(), 'vivim-users-'))
  const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
  const now = changes.now ?? Date.now
  const keystore = new Keystore({ folder: join(folder, 'keys'), now, random })
  const log: ManagedUsers['log'] = []
  const note = (details: object, message: string) => log.push({ message, details })
  const opened: UserDatabaseManager[] = []
  const next = (more: Partial<UserDatabaseManagerOptions> = {}) => {
    const manager = new UserDatabaseManager({
      usersFolder: join(folder, 'users'),
      keystore,
      openHost: commandWorkers,
      now,
      random,
      log: { error: note, warn: note },
      ...changes,
      ...more,
    })
    opened.push(manager)
    return manager
  }
  return {
    folder,
    keystore,
    users: next(),
    log,
    next,
    async [Symbol.asyncDispose]() {
      await Promise.all(opened.map((manager) => manager.closeAll(1_000)))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
