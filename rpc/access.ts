import { VivimError } from '../schema/errors.ts'
import type { Access } from '../schema/methods/index.ts'
import type { RpcConnection, RpcSession, Scope } from './types.ts'

const RANK: Readonly<Record<Scope, number>> = { read: 1, write: 2, admin: 3 }

/** The session a call runs under; throws `Forbidden` or `Unauthorized` before anything of the call is looked at. */
export function authorise(access: Access, connection: RpcConnection): RpcSession | undefined {
  if (access === 'open') return connection.session
  if (access === 'owner') {
    if (connection.ownerSocket) return connection.session
    throw new VivimError('Forbidden', "Only the node's owner may do that.")
  }
  const session = connection.requireSession()
  if (session.scopes.some((scope) => RANK[scope] >= RANK[access])) return session
  throw new VivimError('Forbidden', undefined, { hint: `It needs a session with the scope ${access}.` })
}
