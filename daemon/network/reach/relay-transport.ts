import { circuitRelayTransport } from '@libp2p/circuit-relay-v2'
import type { PeerId, TypedEventTarget } from '@libp2p/interface'
import { LIMITS } from '../../../schema/limits.ts'
import { type Allowed, onlyFrom } from './relay-guard.ts'

/** What the transport has and its interface does not tell. */
export interface CircuitRelayTransport {
  readonly reservationStore: TypedEventTarget<{
    'relay:removed': CustomEvent<{ readonly relay: PeerId }>
  }> & {
    addRelay(peerId: PeerId, type: 'configured'): Promise<unknown>
    cancelReservations(): void
  }
}

/**
 * Connections by way of a relay. Only relays that this node chose may bring some in.
 * @param onMade called with the transport when the node is put together
 */
export function relayTransport(isRelay: Allowed, onMade: (transport: CircuitRelayTransport) => void) {
  const make = circuitRelayTransport({
    maxInboundStopStreams: LIMITS.relayStreamsPerPeer,
    reservationCompletionTimeout: LIMITS.networkDialMs,
  })
  return (components: Parameters<typeof make>[0]) => {
    const transport = make(onlyFrom(components, isRelay))
    onMade(transport as unknown as CircuitRelayTransport)
    return transport
  }
}
