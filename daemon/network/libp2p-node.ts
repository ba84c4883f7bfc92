import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import type { CircuitRelayService } from '@libp2p/circuit-relay-v2'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import type { GossipSub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { Libp2p, PeerId } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { LIMITS } from '../../schema/limits.ts'
import { Dht } from './dht/dht.ts'
import { type GossipOptions, gossipService } from './gossip.ts'
import { type Discovered, LocalDiscovery } from './local-discovery.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import type { NetworkOptions } from './options.ts'
import { holePunching } from './reach/hole-punching.ts'
import { couldBeMapped, portMapping } from './reach/port-mapping.ts'
import { relayService } from './reach/relay-server.ts'
import { type CircuitRelayTransport, relayTransport } from './reach/relay-transport.ts'

/** A window a stream starts with, and may grow to; bytes. */
const STREAM_WINDOW_BYTES = 256 * 1024
const STREAM_WINDOW_MAX_BYTES = 1024 * 1024
/** Every connection is tried so often, and cut when no answer comes in time; milliseconds. */
const PING_EVERY_MS = 10_000
const PING_ANSWER_MS = 5_000

export type Node = Libp2p<{ dht?: Dht; gossip: GossipSub; relay?: CircuitRelayService }>

interface NodeParts {
  readonly listen: string[]
  readonly gossip: GossipOptions
  readonly misbehaviour: Misbehaviour
  readonly onDiscovered: Discovered
  /** Peers no connection is made with. */
  readonly refused: { has(peerId: string): boolean }
  /** A relay this node chose. */
  readonly isRelay: (peerId: string) => boolean
  readonly onRelayTransport: (transport: CircuitRelayTransport) => void
  /** Whether a peer is one of ours. */
  readonly isOurs: (peerId: string) => boolean
  /** Whether this relay gives a peer no seat. */
  readonly refusesSeat: (peer: PeerId) => boolean
}

/** A libp2p node that has not started: TCP, Noise and yamux, gossip, and no dials of its own accord. */
export async function buildNode(options: NetworkOptions, parts: NodeParts): Promise<Node> {
  const discovery = (components: Parts) => new LocalDiscovery(components, parts.onDiscovered, options.log)
  const { log, count = () => {} } = options
  const table = (components: ConstructorParameters<typeof Dht>[0]) =>
    new Dht(components, { serves: options.isRelay ?? false, count, log })
  const isRefused = (peer: PeerId) => parts.refused.has(peer.toString())
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed),
    addresses: { listen: parts.listen },
    // Strangers are told no more than they need.
    nodeInfo: { name: 'vivimd', version: '1', userAgent: 'vivimd' },
    transports: [tcp(), relayTransport(parts.isRelay, parts.onRelayTransport)],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        streamOptions: {
          initialStreamWindowSize: STREAM_WINDOW_BYTES,
          maxStreamWindowSize: STREAM_WINDOW_MAX_BYTES,
        },
      }),
    ],
    connectionManager: {
      maxConnections: LIMITS.networkConnections,
      inboundConnectionThreshold: LIMITS.networkInboundPerSecond,
      // Handshakes under way: as many as one address may begin in a second.
      maxIncomingPendingConnections: LIMITS.networkInboundPerSecond,
      dialTimeout: LIMITS.networkDialMs,
      addressDialTimeout: LIMITS.networkAddressDialMs,
    },
    connectionGater: {
      denyDialPeer: isRefused,
      denyInboundEncryptedConnection: isRefused,
      denyInboundRelayReservation: parts.refusesSeat,
    },
    connectionMonitor: { pingInterval: PING_EVERY_MS, pingTimeout: { minTimeout: PING_ANSWER_MS } },
    services: {
      identify: identify(),
      ping: ping(),
      gossip: gossipService(parts.gossip, parts.misbehaviour),
      holePunching: holePunching(parts.isOurs),
      ...(options.mdns ? { localDiscovery: discovery } : {}),
      ...(options.isRelay || (options.relays ?? []).length > 0 ? { dht: table } : {}),
      ...(options.isRelay ? { relay: relayService() } : {}),
      ...(options.upnp && couldBeMapped(parts.listen) ? { portMapping: portMapping() } : {}),
    },
  })
}

type Parts = ConstructorParameters<typeof LocalDiscovery>[0]
