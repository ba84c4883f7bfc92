import type { Handlers, RpcCall } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { MethodName } from '../../schema/methods/index.ts'
import type { NodeContext } from '../node-context.ts'
import type { PeersCaller } from '../peers/peers-service.ts'

type PeersHandlers = Pick<Handlers, Extract<MethodName, `peers.${string}`>>

export function peersHandlers({ peers }: Pick<NodeContext, 'peers'>): PeersHandlers {
  return {
    'peers.list': (params, call) => peers.list(callerOf(call), params),
    'peers.safety': (params, call) => peers.safety(callerOf(call), params),
    'peers.invite.create': (params, call) => peers.createInvite(callerOf(call), params),
    'peers.invite.list': (_params, call) => peers.listInvites(callerOf(call)),
    'peers.invite.revoke': (params, call) => peers.revokeInvite(callerOf(call), params),
    'peers.invite.accept': (params, call) => peers.acceptInvite(callerOf(call), params),
    'peers.request': (params, call) => peers.request(callerOf(call), params),
    'peers.accept': (params, call) => peers.accept(callerOf(call), params),
    'peers.remove': (params, call) => peers.remove(callerOf(call), params),
    'peers.block': ({ did }, call) => peers.block(callerOf(call), did, true),
    'peers.unblock': ({ did }, call) => peers.block(callerOf(call), did, false),
    'peers.trust': (params, call) => peers.trust(callerOf(call), params),
    'peers.name': (params, call) => peers.name(callerOf(call), params),
    'peers.connect': (params, call) => peers.connect(callerOf(call), params),
    'peers.disconnect': (params, call) => peers.disconnect(callerOf(call), params),
    'peers.privacy.get': (_params, call) => peers.privacy(callerOf(call), {}),
    'peers.privacy.update': (params, call) => peers.privacy(callerOf(call), params),
  }
}

function callerOf({ session, connection }: RpcCall): PeersCaller {
  if (!session) throw new VivimError('Unauthorized')
  const { did, maxSecurityLevel, app } = session
  // As with paths: the same OS account, and no app that came by its socket.
  return { did, maxSecurityLevel, mayReachPrivate: connection.ownerSocket && !app }
}
