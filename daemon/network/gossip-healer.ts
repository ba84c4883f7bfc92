import type { Connection, PeerId } from '@libp2p/interface'
import type { GossipPeers } from './gossip-peers.ts'
import type { Node } from './libp2p-node.ts'

/** A peer that does not speak gossip is not asked for ever. */
const TRIES = 5

/** What the router has and its interface does not tell. */
interface RouterInside {
  readonly streamsOutbound: Map<string, { readonly rawStream: { readonly status: string } }>
  onPeerConnected(peerId: PeerId, connection: Connection): void
}

/**
 * Gives a connected peer a gossip stream when it has none. The router opens one when a peer connects, and never again:
 * when two nodes dial each other at once and one of the two connections goes, or when a packet breaks the stream,
 * the peer would stay connected and deaf.
 */
export class GossipHealer {
  readonly #node: Node
  readonly #peers: GossipPeers
  readonly #missing = new Map<string, number>()
  readonly #look = () => this.#heal()

  constructor(node: Node, peers: GossipPeers) {
    this.#node = node
    this.#peers = peers
  }

  start(): void {
    this.#node.services.gossip.addEventListener('gossipsub:heartbeat', this.#look)
  }

  stop(): void {
    this.#node.services.gossip.removeEventListener('gossipsub:heartbeat', this.#look)
  }

  /** At once, for a peer that was allowed while it was connected. */
  connect(peerId: string): void {
    const router = this.#node.services.gossip as unknown as RouterInside
    const connection = this.#node.getConnections().find(({ remotePeer }) => remotePeer.toString() === peerId)
    if (connection && !hasStream(router, peerId)) router.onPeerConnected(connection.remotePeer, connection)
  }

  #heal(): void {
    const router = this.#node.services.gossip as unknown as RouterInside
    const connections = new Map(
      this.#node.getConnections().map((connection) => [connection.remotePeer.toString(), connection]),
    )
    for (const id of this.#missing.keys()) if (!connections.has(id)) this.#missing.delete(id)
    for (const [id, connection] of connections) {
      if (!this.#peers.has(id)) continue
      if (hasStream(router, id)) {
        this.#missing.delete(id)
        continue
      }
      const missed = (this.#missing.get(id) ?? 0) + 1
      this.#missing.set(id, missed)
      // At the first beat the router itself may still be at it.
      if (missed > 1 && missed <= 1 + TRIES) router.onPeerConnected(connection.remotePeer, connection)
    }
  }
}

/** The router keeps a stream that the other side ended before it had it, and opens none instead. */
function hasStream({ streamsOutbound }: RouterInside, id: string): boolean {
  const stream = streamsOutbound.get(id)
  if (stream && stream.rawStream.status !== 'open') streamsOutbound.delete(id)
  return streamsOutbound.has(id)
}
