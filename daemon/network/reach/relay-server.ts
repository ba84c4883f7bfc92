import { type CircuitRelayService, circuitRelayServer } from '@libp2p/circuit-relay-v2'
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import { LIMITS } from '../../../schema/limits.ts'

/** Lets nodes that nobody can reach wait here, and carries sealed bytes between them and whoever asks for them. */
export function relayService() {
  return circuitRelayServer({
    maxInboundHopStreams: LIMITS.relayStreamsPerPeer,
    maxOutboundStopStreams: LIMITS.relayStreamsPerPeer,
    reservations: {
      maxReservations: LIMITS.relaySeats,
      reservationTtl: LIMITS.relaySeatMs,
      defaultDurationLimit: LIMITS.relayConnectionMs,
      defaultDataLimit: BigInt(LIMITS.relayConnectionBytes),
    },
  })
}

type Reservations = CircuitRelayService['reservations']

/** Keeps the seats for those who are there: the library keeps a seat until it expires, and any number for one house. */
export class SeatKeeper {
  readonly #node: Libp2p
  readonly #seats: Reservations
  readonly #count: (name: string) => void
  readonly #left = ({ detail }: CustomEvent<PeerId>) => this.#seats.delete(detail)

  constructor(node: Libp2p, { reservations }: CircuitRelayService, count: (name: string) => void) {
    this.#node = node
    this.#seats = reservations
    this.#count = count
    node.addEventListener('peer:disconnect', this.#left)
  }

  get taken(): number {
    return this.#seats.size
  }

  /** Whether this peer gets no seat: its house has as many as a house gets. */
  refuses(peer: PeerId): boolean {
    if (this.#seats.has(peer)) return false
    const host = hostOf(this.#node.getConnections(peer)[0])
    const neighbours = [...this.#seats.values()].filter((seat) => hostOf({ remoteAddr: seat.addr }) === host)
    const refused = host === undefined || neighbours.length >= LIMITS.relaySeatsPerHost
    this.#count(refused ? 'network.relay.refused' : 'network.relay.seats')
    return refused
  }

  stop(): void {
    this.#node.removeEventListener('peer:disconnect', this.#left)
  }
}

function hostOf(connection: Pick<Connection, 'remoteAddr'> | undefined): string | undefined {
  return /^\/ip[46]\/([^/]+)/.exec(String(connection?.remoteAddr))?.[1]
}
