import { randomBytes } from 'node:crypto'
import type { Paths } from '../config/paths.ts'
import type { Params, Result } from '../schema/methods/index.ts'
import type { UserRecord } from './identity/keystore.ts'

/** What `init` needs of the identity code; only the holder of the data-directory lock may use it. */
export interface InitServices {
  listUsers(paths: Paths): Promise<UserRecord[]>
  createUser(paths: Paths, params: Params<'users.create'>): Promise<Result<'users.create'>>
}

const random = (bytes: number) => new Uint8Array(randomBytes(bytes))

/** Loaded when they are needed. */
export const initServices: InitServices = {
  async listUsers({ keys }) {
    const { Keystore } = await import('./identity/keystore.ts')
    return new Keystore({ folder: keys, now: Date.now, random }).list()
  },
  async createUser({ keys, users }, params) {
    const { createUserOffline } = await import('./users/create-user.ts')
    return createUserOffline({ keysFolder: keys, usersFolder: users, now: Date.now, random }, params)
  },
}
