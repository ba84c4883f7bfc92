import type { Handlers } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { Grant } from '../identity/auth-gateway.ts'
import type { NodeContext } from '../node-context.ts'

type AuthHandlers = Pick<
  Handlers,
  'auth.login' | 'auth.resume' | 'auth.refresh' | 'auth.whoami' | 'auth.logout'
>

export function authHandlers({ gateway, users, log }: NodeContext): AuthHandlers {
  return {
    'auth.login': async ({ did, passphrase }, { connection }) => {
      if (!connection.ownerSocket) throw new VivimError('Forbidden')
      const user = await users.unlock(did, passphrase)
      if (passphrase === undefined) log.info({}, 'signed in without a passphrase')
      const { grant, source } = gateway.begin(user)
      connection.bind(source)
      return answerOf(grant)
    },
    'auth.resume': ({ token }, { connection }) => {
      const { session, source } = gateway.resume(token)
      connection.bind(source)
      const { did, expiresAt, scopes } = session
      return { did, expiresAt, scopes: [...scopes] }
    },
    'auth.refresh': ({ refreshToken }, { connection }) => {
      const { grant, source } = gateway.refresh(refreshToken, connection.id)
      // A connection that is signed in stays whose it is.
      if (!connection.session) connection.bind(source)
      return answerOf(grant)
    },
    'auth.whoami': (_params, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      const { did, deviceDid, scopes, maxSecurityLevel, expiresAt } = session
      return { did, deviceDid, scopes: [...scopes], maxSecurityLevel, expiresAt }
    },
    'auth.logout': (_params, { session, connection }) => {
      if (!session) throw new VivimError('Unauthorized')
      gateway.end(session)
      connection.bind(undefined)
      return { ended: true }
    },
  }
}

function answerOf({ scopes, ...grant }: Grant): Result<'auth.login'> {
  return { ...grant, scopes: [...scopes] }
}
