import type { UserCallHandler } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { NodeContext } from '../node-context.ts'

/** Hands a user's calls to their own engine; whose they are comes from the session and nothing else. */
export function userCallHandler({ users }: Pick<NodeContext, 'users'>): UserCallHandler {
  return async (method, params, call) => {
    const { session, connection, signal } = call
    if (!session) throw new VivimError('Unauthorized')
    const client = await users.getClient(session.did)
    return client.call(method, params, {
      maxSecurityLevel: session.maxSecurityLevel,
      mayReadPaths: connection.ownerSocket && !session.app,
      signal,
      progress: (progress) => call.progress(progress),
    })
  }
}
