import type { Handlers } from '../../rpc/types.ts'
import { VivimError } from '../../schema/errors.ts'
import type { NodeContext } from '../node-context.ts'

export function networkHandlers({
  network,
  sync,
}: Pick<NodeContext, 'network' | 'sync'>): Pick<Handlers, 'network.status' | 'network.dht.find'> {
  return {
    'network.dht.find': (_params, { session }) => {
      if (!session) throw new VivimError('Unauthorized')
      return sync.findDevices(session.did)
    },
    'network.status': () => {
      const { reachability, addresses, relays, seats, records, peers, restarts, lastRestart } =
        network.state()
      return {
        reachability: reachability.state,
        text: reachability.text,
        peerId: network.peerId,
        addresses: [...addresses],
        relays: [...relays],
        ...(seats === undefined ? {} : { seats }),
        ...(records === undefined ? {} : { records }),
        restarts,
        ...(lastRestart ? { lastRestart } : {}),
        peers: [...peers],
      }
    },
  }
}
