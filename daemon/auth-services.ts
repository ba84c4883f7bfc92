import type { OnCall } from '../rpc/types.ts'
import type { MethodName } from '../schema/methods/index.ts'
import { AccessLog } from './identity/access-log.ts'
import { AppGrants } from './identity/app-grants.ts'
import { AuthChallenges } from './identity/auth-challenges.ts'
import { AuthGateway } from './identity/auth-gateway.ts'
import { encodeDid } from './identity/did.ts'
import { privateKeyOfSeed, publicKeyBytes } from './identity/ed25519.ts'
import { UserFolder } from './users/user-folder.ts'

export interface AuthServices {
  readonly gateway: AuthGateway
  readonly challenges: AuthChallenges
  readonly apps: AppGrants
  readonly accessLog: AccessLog
  /** What goes into the access logs of the users. */
  readonly onCall: OnCall
}

export interface AuthServicesOptions {
  /** Of the node's own key: challenges name it. */
  readonly nodeSeed: Uint8Array
  readonly usersFolder: string
  readonly users: () => Iterable<{ readonly did: string; readonly deviceDid: string }>
  readonly now: () => number
  readonly random: (bytes: number) => Uint8Array
  readonly log: { warn(details: object, message: string): void }
}

/** A user's own calls that they may want to find again, besides those that need `admin`. */
const SENSITIVE: ReadonlySet<string> = new Set([
  'auth.login',
  'auth.verify',
  'auth.resume',
  'conversations.delete',
  'devices.pair.start',
  'devices.pair.confirm',
] satisfies MethodName[])

/** Who may call as whom on this node, and the record of it. */
export function authServices(options: AuthServicesOptions): AuthServices {
  const { nodeSeed, usersFolder, users, now, random, log } = options
  const folderOf = (did: string) => UserFolder.of(usersFolder, did).path
  const accessLog = new AccessLog({
    folderOf,
    onError: (error) => log.warn({ err: error }, 'an access was not written down'),
  })
  return {
    gateway: new AuthGateway({ now, random }),
    challenges: new AuthChallenges({
      audience: encodeDid(publicKeyBytes(privateKeyOfSeed(nodeSeed))),
      now,
      random,
    }),
    apps: new AppGrants({
      users: () => [...users()].map((user) => ({ ...user, folder: folderOf(user.did) })),
      now,
      random,
    }),
    accessLog,
    onCall: ({ method, access, session, outcome }) => {
      if (!session) return
      const { did, app } = session
      const refused = outcome === 'Forbidden' || outcome === 'Unauthorized' || outcome === 'RateLimited'
      if (!app && !refused && access !== 'admin' && !SENSITIVE.has(method)) return
      const at = now()
      accessLog.add(did, { at, method, app: app?.name ?? null, grantId: app?.grantId ?? null, outcome })
    },
  }
}
