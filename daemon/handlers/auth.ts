import type { Handlers, RpcSession } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import { refused } from '../identity/auth-challenges.ts'
import type { Grant } from '../identity/auth-gateway.ts'
import type { NodeContext } from '../node-context.ts'
import type { Lineage } from '../vault/succession-rows.ts'

type AuthHandlers = Pick<
  Handlers,
  | 'auth.login'
  | 'auth.challenge'
  | 'auth.verify'
  | 'auth.resume'
  | 'auth.refresh'
  | 'auth.whoami'
  | 'auth.logout'
>

export function authHandlers({ gateway, challenges, apps, users, log }: NodeContext): AuthHandlers {
  /** Devices the user's own database knows and that were not taken out; nobody's else count. */
  const isDeviceOf = async (did: string, deviceDid: string): Promise<boolean> => {
    const client = await users.getClient(did)
    const { items } = await client.call('devices.list', {}, OWN_CALL)
    return items.some((device) => device.deviceDid === deviceDid && device.state === 'member')
  }
  return {
    'auth.login': async ({ did, passphrase }, { connection }) => {
      if (!connection.ownerSocket) throw new VivimError('Forbidden')
      const user = await users.unlock(did, passphrase)
      if (passphrase === undefined) log.info({}, 'signed in without a passphrase')
      const { grant, source } = gateway.begin(user)
      connection.bind(source)
      return answerOf(grant)
    },
    'auth.challenge': ({ did, client }) => {
      const { message, ...challenge } = challenges.issue(did, client)
      return { ...challenge, message: Buffer.from(message).toString('base64url') }
    },
    'auth.verify': async ({ did, nonce, signature, deviceDid, scopes }, { connection }) => {
      challenges.take({ did, nonce, signature: Buffer.from(signature, 'base64url'), deviceDid })
      const user = users.list().find((candidate) => candidate.did === did)
      // The proof was right, and nobody is served here under that name: said like a wrong proof.
      if (!user) throw refused()
      const bySelf = deviceDid === undefined || deviceDid === user.deviceDid
      if (!bySelf && !(await isDeviceOf(did, deviceDid))) throw refused()
      const { grant, source } = gateway.begin({ did, deviceDid: deviceDid ?? user.deviceDid, scopes })
      connection.bind(source)
      return answerOf(grant)
    },
    'auth.resume': ({ token }, { connection }) => {
      const source = token.startsWith('vga_') ? apps.resume(token) : gateway.resume(token).source
      connection.bind(source)
      const { did, expiresAt, scopes } = connection.requireSession()
      return { did, expiresAt, scopes: [...scopes] }
    },
    'auth.refresh': ({ refreshToken }, { connection }) => {
      const { grant, source } = gateway.refresh(refreshToken, connection.id)
      // A connection that is signed in stays whose it is.
      if (!connection.session) connection.bind(source)
      return answerOf(grant)
    },
    'auth.whoami': async (_params, { session }) => {
      const who = whoIs(session)
      // Nobody's database is opened to say who they are, unless it is known to hold who they are now.
      if (users.isSucceeded(who.did)) await users.getClient(who.did).catch(() => {})
      const lineage = await users.replicateIfOpen(who.did, 'lineage', { did: who.did })
      return lineage ? { ...who, ...ownLineage(lineage) } : who
    },
    'auth.logout': (_params, { session, connection }) => {
      if (!session) throw new VivimError('Unauthorized')
      gateway.end(session)
      connection.bind(undefined)
      return { ended: true }
    },
  }
}

const OWN_CALL = {
  maxSecurityLevel: 0,
  mayReadPaths: false,
  signal: AbortSignal.timeout(2 ** 31 - 1),
  progress: () => {},
}

function whoIs(session: RpcSession | undefined): Result<'auth.whoami'> {
  if (!session) throw new VivimError('Unauthorized')
  const { did, deviceDid, scopes, maxSecurityLevel, expiresAt, app } = session
  return {
    did,
    deviceDid,
    scopes: [...scopes],
    maxSecurityLevel,
    expiresAt,
    ...(app ? { app: app.name } : {}),
  }
}

function ownLineage({ succeededBy, succeeds, disputed }: Lineage): Partial<Result<'auth.whoami'>> {
  return {
    ...(succeededBy === null ? {} : { succeededBy }),
    ...(succeeds === null ? {} : { succeeds }),
    ...(disputed ? { disputed } : {}),
  }
}

function answerOf({ scopes, ...grant }: Grant): Result<'auth.login'> {
  return { ...grant, scopes: [...scopes] }
}
