import type { Handlers } from '../../rpc/types.ts'
import type { NodeContext } from '../node-context.ts'

export function networkHandlers({ network }: Pick<NodeContext, 'network'>): Pick<Handlers, 'network.status'> {
  return {
    'network.status': () => {
      const { reachability, addresses, relays, seats, peers, restarts, lastRestart } = network.state()
      return {
        reachability: reachability.state,
        text: reachability.text,
        peerId: network.peerId,
        addresses: [...addresses],
        relays: [...relays],
        ...(seats === undefined ? {} : { seats }),
        restarts,
        ...(lastRestart ? { lastRestart } : {}),
        peers: [...peers],
      }
    },
  }
}
