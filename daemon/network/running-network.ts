import { LIMITS } from '../../schema/limits.ts'
import type { DhtRecord } from './dht/record.ts'
import { type DialTarget, dialFailure, dialSignal } from './dial.ts'
import { Dialer } from './dialer.ts'
import { EarlyStreams } from './early-streams.ts'
import { Gossip, type GossipOptions } from './gossip.ts'
import { GossipHealer } from './gossip-healer.ts'
import type { GossipPeers } from './gossip-peers.ts'
import { InboundStreams } from './inbound-streams.ts'
import { buildNode, type Node } from './libp2p-node.ts'
import { listenerAnswers } from './listener-probe.ts'
import { Misbehaviour } from './misbehaviour.ts'
import type {
  FrameStream,
  MessageHandler,
  Network,
  PeerConnection,
  StreamHandler,
  StreamOptions,
} from './network.ts'
import { OpenStreams } from './open-streams.ts'
import type { NetworkOptions } from './options.ts'
import { Reach } from './reach/reach.ts'
import { SeatKeeper } from './reach/relay-server.ts'
import type { CircuitRelayTransport } from './reach/relay-transport.ts'
import type { RememberedPeers } from './remembered-peers.ts'
import { StrangerLimit } from './stranger-limit.ts'

/** Streams of one protocol this node may have open towards one peer; the other side has its own limit. */
const MAX_OUTBOUND = 256
const NOTHING = () => {}

export interface Registrations {
  readonly handlers: ReadonlyMap<string, { readonly options: StreamOptions; readonly handler: StreamHandler }>
  readonly topics: ReadonlyMap<string, MessageHandler>
  readonly gossipPeers: GossipPeers
  readonly refused: { has(peerId: string): boolean }
  readonly protectedPeers: { has(peerId: string): boolean }
  readonly remembered: RememberedPeers
  /** A peer was refused so often that nothing more is taken from it. */
  readonly onMisbehaviour: (peerId: string) => void
  readonly onPeer: (peerId: string, connected: boolean) => void
  readonly onDiscovered: (peerId: string, addresses: readonly string[]) => void
  /** This node is reached elsewhere than before. */
  readonly onAddresses: () => void
  readonly onError: (error: unknown) => void
}

/** One life of the libp2p node, from start to stop. This file and those below it load the library. */
export class RunningNetwork {
  readonly #options: NetworkOptions
  readonly #node: Node
  readonly #gossip: Gossip
  readonly #early: EarlyStreams
  readonly #healer: GossipHealer
  readonly #streams = new OpenStreams()
  readonly #dialer: Dialer
  readonly #strangers: StrangerLimit
  readonly #to: Registrations
  readonly reach: Reach

  private constructor(
    options: NetworkOptions,
    node: Node,
    gossip: Gossip,
    { peers, early }: GossipOptions,
    reach: Reach,
    dialer: Dialer,
    to: Registrations,
  ) {
    this.reach = reach
    this.#dialer = dialer
    this.#to = to
    const isOurs = (peerId: string) => to.protectedPeers.has(peerId) || reach.isRelay(peerId)
    this.#strangers = new StrangerLimit(node, isOurs, options.count ?? NOTHING)
    this.#options = options
    this.#node = node
    this.#gossip = gossip
    this.#early = early
    this.#healer = new GossipHealer(node, peers)
  }

  /** @throws what the library throws when an address cannot be listened on */
  static async start(options: NetworkOptions, listen: string[], to: Registrations): Promise<RunningNetwork> {
    const misbehaviour = new Misbehaviour(to.onMisbehaviour)
    const gossipOptions: GossipOptions = {
      topics: to.topics,
      count: options.count ?? NOTHING,
      onHandlerError: to.onError,
      peers: to.gossipPeers,
      early: new EarlyStreams(),
    }
    const { onDiscovered, refused } = to
    let keeper: SeatKeeper | undefined
    let transport: CircuitRelayTransport | undefined
    const node = await buildNode(options, {
      listen,
      gossip: gossipOptions,
      misbehaviour,
      onDiscovered,
      refused,
      isRelay: (peerId) => reach.isRelay(peerId),
      isOurs: (peerId) => to.protectedPeers.has(peerId) || to.gossipPeers.has(peerId),
      refusesSeat: (peer) => keeper?.refuses(peer) ?? true,
      onRelayTransport: (made) => {
        transport = made
      },
    })
    const { relay } = node.services
    if (relay) keeper = new SeatKeeper(node, relay, options.count ?? NOTHING)
    const { onAddresses } = to
    const dialer = new Dialer(node)
    const reach = new Reach({ node, dialer, options, transport: transport!, keeper, onAddresses })
    node.addEventListener('peer:connect', ({ detail }) => to.onPeer(detail.toString(), true))
    node.addEventListener('peer:disconnect', ({ detail }) => to.onPeer(detail.toString(), false))
    const gossip = new Gossip(node.services.gossip, gossipOptions, misbehaviour)
    const running = new RunningNetwork(options, node, gossip, gossipOptions, reach, dialer, to)
    // Before the start, so that the first peer is told of every protocol.
    for (const [protocol, { options, handler }] of to.handlers) running.handle(protocol, options, handler)
    await node.start()
    for (const topic of to.topics.keys()) gossip.subscribe(topic)
    running.#healer.start()
    await reach.start()
    return running
  }

  async stop(): Promise<void> {
    this.reach.stop()
    this.#strangers.stop()
    this.#healer.stop()
    this.#early.stop()
    this.#streams.breakOff()
    await this.#node.stop()
  }

  /** What hangs, if anything does: nothing listens any more, or dials go on that were given up long ago. */
  async problem(listens: boolean, stuckMs: number): Promise<string | undefined> {
    const stuck = this.#dialer.stuck(stuckMs)
    if (stuck > 0) return `${stuck === 1 ? 'a dial' : `${stuck} dials`} did not end`
    const listening = this.reach.listening().flatMap((address) => {
      const [, host, port] = /^\/ip[46]\/([^/]+)\/tcp\/(\d+)/.exec(address) ?? []
      return host === undefined ? [] : [{ host, port: Number(port) }]
    })
    if (listening.length === 0) return listens ? 'it no longer listens' : undefined
    for (const [port, hosts] of Map.groupBy(listening, (each) => each.port)) {
      const { host } = hosts.find((each) => each.host.startsWith('127.')) ?? hosts[0]!
      if (!(await listenerAnswers(host, port, LIMITS.networkProbeMs))) return `port ${port} no longer answers`
    }
    return undefined
  }

  multiaddrs(): string[] {
    return this.reach.addresses()
  }

  handle(protocol: string, options: StreamOptions, handler: StreamHandler): void {
    const streams = new InboundStreams(protocol, options, handler, this.#options, this.#streams)
    const limits = { maxInboundStreams: streams.maxInbound, maxOutboundStreams: MAX_OUTBOUND }
    const inbound = { ...limits, runOnLimitedConnection: true }
    this.#inBackground(this.#node.handle(protocol, streams.answer, inbound))
  }

  unhandle(protocol: string): void {
    this.#inBackground(this.#node.unhandle(protocol))
  }

  async open(
    target: DialTarget,
    protocol: string,
    options: Parameters<Network['open']>[2],
  ): Promise<FrameStream> {
    const signal = dialSignal(options.signal)
    try {
      const connection = await this.#connect(target, signal)
      const ways = { signal, maxOutboundStreams: MAX_OUTBOUND, runOnLimitedConnection: true }
      const stream = await this.#dialer.within(signal, connection.newStream(protocol, ways))
      return this.#streams.add(stream, target.peerId, options.maxFrameBytes)
    } catch (error) {
      throw dialFailure(error, target.peerId, options.signal)
    }
  }

  async connect(target: DialTarget, signal?: AbortSignal): Promise<void> {
    try {
      await this.#connect(target, dialSignal(signal))
    } catch (error) {
      throw dialFailure(error, target.peerId, signal)
    }
  }

  /** Every connection, once for each peer: the direct one when there are two. */
  connections(): PeerConnection[] {
    const byPeer = new Map<string, PeerConnection>()
    for (const { remotePeer, remoteAddr, direction, limits } of this.#node.getConnections()) {
      const peerId = remotePeer.toString()
      if (byPeer.get(peerId)?.relayed === false) continue
      byPeer.set(peerId, { peerId, address: String(remoteAddr), direction, relayed: limits !== undefined })
    }
    return [...byPeer.values()]
  }

  /** Records kept for others; undefined without a table. */
  get records(): number | undefined {
    return this.#node.services.dht?.kept
  }

  async putRecord(place: string, value: Uint8Array): Promise<number> {
    const { dht } = this.#node.services
    return dht ? dht.put(place, value, AbortSignal.timeout(LIMITS.dhtQueryMs)) : 0
  }

  async getRecord(place: string): Promise<DhtRecord | undefined> {
    return this.#node.services.dht?.get(place, AbortSignal.timeout(LIMITS.dhtQueryMs))
  }

  /** Ends all connections to a peer. */
  disconnect(peerId: string, why: string): void {
    const connections = this.#node
      .getConnections()
      .filter(({ remotePeer }) => remotePeer.toString() === peerId)
    for (const connection of connections) connection.abort(new Error(why))
  }

  /** Begins gossip with a connected peer that was allowed just now. */
  gossipWith(peerId: string): void {
    this.#early.release(peerId)
    this.#healer.connect(peerId)
  }

  subscribe(topic: string): void {
    this.#gossip.subscribe(topic)
  }

  unsubscribe(topic: string): void {
    this.#gossip.unsubscribe(topic)
  }

  publish(topic: string, message: Uint8Array): void {
    this.#gossip.publish(topic, message)
  }

  async #connect(target: DialTarget, signal: AbortSignal) {
    const { remembered } = this.#to
    const { peerId, addresses = [] } = target
    const known = remembered.addressesOf(peerId).filter((address) => !addresses.includes(address))
    // None given: those the library knows, which are of this life of it.
    const all = addresses.length === 0 ? {} : { addresses: [...addresses, ...known] }
    const connection = await this.#dialer.connect({ peerId, ...all }, signal)
    if (connection.direction === 'outbound')
      remembered.reached(peerId, String(connection.remoteAddr), Date.now())
    return connection
  }

  /** Handlers count at once; only the note for other peers is written later. */
  #inBackground(noted: Promise<void>): void {
    noted.catch((error: Error) =>
      this.#options.log.warn({ reason: error.message }, 'a protocol was not noted'),
    )
  }
}
