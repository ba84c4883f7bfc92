export interface NetworkLog {
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
}

/** A node that is reached by everybody, and carries bytes for those who are not. */
export interface Relay {
  readonly peerId: string
  readonly addresses: readonly string[]
}

export interface NetworkOptions {
  /** The Ed25519 seed of the node's key, 32 bytes: it decides the peer id. */
  readonly seed: Uint8Array
  /** Where to listen, as multiaddrs: `/ip4/0.0.0.0/tcp/0`. */
  readonly listen: readonly string[]
  /** Whether to announce this node on the local network and look for others there. */
  readonly mdns: boolean
  /** Relays to be reached by. */
  readonly relays?: readonly Relay[]
  /** Whether to be a relay to others. */
  readonly isRelay?: boolean
  /** Whether to ask the router to let others in. */
  readonly upnp?: boolean
  /** A file for addresses that worked; without it they are forgotten with the process. */
  readonly rememberIn?: string
  /** How often the network is looked after, and what counts as stuck; milliseconds. For tests. */
  readonly lookMs?: number
  readonly stuckMs?: number
  /** Gossip with whoever connects, instead of those allowed by `allowGossip`: for simulations. */
  readonly gossipWithAnyone?: boolean
  readonly log: NetworkLog
  /** Counts by dotted name: `network.dials`. */
  readonly count?: (name: string) => void
}
