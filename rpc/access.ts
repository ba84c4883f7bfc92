import { VivimError } from '../schema/errors.ts'
import type { Access } from '../schema/methods/index.ts'
import type { AppSession, RpcConnection, RpcSession, Scope } from './types.ts'

const RANK: Readonly<Record<Scope, number>> = { read: 1, write: 2, admin: 3 }

/** The session a call runs under; throws `Forbidden` or `Unauthorized` before anything of the call is looked at. */
export function authorise(access: Access, connection: RpcConnection): RpcSession | undefined {
  if (access === 'open') return connection.session
  if (access === 'owner') {
    // Whoever brings an app's token is that app, whichever socket it came by.
    if (connection.ownerSocket && !connection.session?.app) return connection.session
    throw new VivimError('Forbidden', "Only the node's owner may do that.")
  }
  const session = connection.requireSession()
  if (session.app) admit(session.app)
  if (session.scopes.some((scope) => RANK[scope] >= RANK[access])) return session
  throw new VivimError('Forbidden', undefined, { hint: `It needs a session with the scope ${access}.` })
}

function admit(app: AppSession): void {
  if (app.paused)
    throw new VivimError('Forbidden', 'The user has paused this app.', {
      hint: '`vivimd app pause ID false` lets it go on.',
    })
  const retryAfterMs = app.take()
  if (retryAfterMs > 0)
    throw new VivimError('RateLimited', 'This app calls more often than the user lets it.', { retryAfterMs })
}
