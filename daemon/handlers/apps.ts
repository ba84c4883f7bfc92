import type { Handlers, RpcSession } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { Result } from '../../schema/methods/index.ts'
import type { AppGrant } from '../identity/app-grants.ts'
import type { NodeContext } from '../node-context.ts'
import { decodeCursor, pageOf } from '../vault/paging.ts'

type AppHandlers = Pick<
  Handlers,
  'auth.grants.create' | 'auth.grants.list' | 'auth.grants.pause' | 'auth.grants.revoke' | 'auth.accessLog'
>

/** What a user lets apps do, and what was done. An app never sees or changes any of it. */
export function appHandlers({ apps, accessLog }: NodeContext): AppHandlers {
  return {
    'auth.grants.create': (params, { session }) => {
      const { grant, token } = apps.create(own(session), params)
      return { ...shown(grant), token }
    },
    'auth.grants.list': (_params, { session }) => ({
      items: apps.list(own(session)).map(shown),
      nextCursor: null,
    }),
    'auth.grants.pause': ({ grantId, paused }, { session }) =>
      shown(apps.pause(own(session), grantId, paused)),
    'auth.grants.revoke': ({ grantId }, { session }) => {
      apps.revoke(own(session), grantId)
      return { grantId, revoked: true }
    },
    'auth.accessLog': async ({ limit, cursor }, { session }) => {
      const skip = cursor === undefined ? 0 : Number(decodeCursor(cursor, 1)[0])
      const entries = await accessLog.list(own(session), skip, limit + 1)
      return pageOf(
        entries,
        limit,
        (entry) => entry,
        () => [skip + limit],
      )
    },
  }
}

function own(session: RpcSession | undefined): string {
  if (!session) throw new VivimError('Unauthorized')
  if (session.app) throw new VivimError('Forbidden', 'That is for the user, not for an app.')
  return session.did
}

function shown({ id, scopes, ...grant }: AppGrant): Result<'auth.grants.pause'> {
  return { grantId: id, ...grant, scopes: [...scopes] }
}
