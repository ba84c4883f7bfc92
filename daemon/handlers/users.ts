import type { Handlers } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { UserRecord } from '../identity/keystore.ts'
import type { NodeContext } from '../node-context.ts'

type UsersHandlers = Pick<
  Handlers,
  'users.create' | 'users.list' | 'users.delete' | 'users.repair' | 'users.succeed' | 'users.lock'
>

export function usersHandlers({ users, gateway, deleteUser, succeedUser }: NodeContext): UsersHandlers {
  return {
    'users.create': (params) => users.createUser(params),
    'users.list': ({ limit, cursor }) => {
      const all = users.list()
      const start = cursor === undefined ? 0 : startAfter(all, cursor)
      const page = all.slice(start, start + limit)
      const last = page.at(-1)
      return {
        items: page.map((user) => ({
          ...user,
          locked: users.isLocked(user),
          ...(users.isSucceeded(user.did) ? { succeeded: true as const } : {}),
        })),
        nextCursor: last && start + limit < all.length ? cursorOf(last) : null,
      }
    },
    'users.delete': async (params) => {
      await deleteUser(params)
      return { did: params.did, deleted: true }
    },
    'users.repair': async ({ did, confirm, passphrase }) => {
      if (confirm !== did)
        throw new VivimError('InvalidParams', 'To repair a user, repeat their DID.', { field: 'confirm' })
      return { did, damaged: await users.repair(did, passphrase) }
    },
    'users.succeed': (params) => succeedUser(params),
    'users.lock': async ({ did }) => {
      const locked = users.lock(did)
      gateway.endUser(did)
      return { did, locked: await locked }
    },
  }
}

/** A place between users: holds also when the user it names is gone. */
function cursorOf({ createdAt, did }: UserRecord): string {
  return Buffer.from(JSON.stringify([createdAt, did])).toString('base64url')
}

function startAfter(users: readonly UserRecord[], cursor: string): number {
  const [createdAt, did] = parseCursor(cursor)
  const next = users.findIndex(
    (user) => user.createdAt > createdAt || (user.createdAt === createdAt && user.did > did),
  )
  return next === -1 ? users.length : next
}

function parseCursor(cursor: string): [createdAt: number, did: string] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (Array.isArray(value) && typeof value[0] === 'number' && typeof value[1] === 'string')
      return [value[0], value[1]]
  } catch {
    // Said below.
  }
  throw new VivimError('InvalidParams', 'That cursor is not one of this list.', { field: 'cursor' })
}
