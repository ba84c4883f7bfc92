import type { Handlers } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { NodeContext } from '../node-context.ts'

export function syncHandlers({ sync }: NodeContext): Pick<Handlers, 'sync.now' | 'sync.audit'> {
  return {
    'sync.now': (params, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      return sync.syncNow(session.did, params)
    },
    'sync.audit': (params, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      return sync.audit(session.did, params)
    },
  }
}
