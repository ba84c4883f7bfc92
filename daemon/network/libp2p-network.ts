import { setTimeout as delay } from 'node:timers/promises'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../identity/ed25519.ts'
import { peerIdOf } from '../identity/node-key.ts'
import type { DhtRecord } from './dht/record.ts'
import { inTime } from './in-time.ts'
import { isAddressInUse, ListenPorts, listenFailure } from './listen-ports.ts'
import type {
  FrameStream,
  MessageHandler,
  Network,
  NetworkState,
  StreamHandler,
  StreamOptions,
} from './network.ts'
import type { NetworkOptions } from './options.ts'
import { Peers } from './peers.ts'
import { ProtectedPeers } from './protected-peers.ts'
import { RefusedPeers } from './refused-peers.ts'
import { RememberedPeers } from './remembered-peers.ts'
import type { RunningNetwork } from './running-network.ts'
import { Supervisor } from './supervisor.ts'

/** A port that was just released is free again within this; milliseconds. */
const LISTEN_TRIES = 5
const LISTEN_RETRY_MS = 200

type DialTarget = Parameters<Network['open']>[0]
type OpenOptions = Parameters<Network['open']>[2]
type DiscoveryListener = Parameters<Network['onDiscovered']>[0]

/** A network over libp2p. The library is loaded when it first starts: a node that is offline does not pay for it. */
export function createNetwork(options: NetworkOptions): Network {
  return new Libp2pNetwork(options)
}

class Libp2pNetwork implements Network {
  readonly peerId: string
  readonly #options: NetworkOptions
  readonly #ports: ListenPorts
  readonly #peers: Peers
  readonly #handlers = new Map<string, { options: StreamOptions; handler: StreamHandler }>()
  readonly #topics = new Map<string, MessageHandler>()
  readonly #refused = new RefusedPeers({
    peers: LIMITS.refusedPeers,
    forMs: LIMITS.refusedPeerMs,
    now: () => performance.now(),
  })
  readonly #gossipPeers = new Set<string>()
  readonly #discovery = new Set<DiscoveryListener>()
  readonly #addressListeners = new Set<() => void>()
  #running: RunningNetwork | undefined
  readonly #protected = new ProtectedPeers()
  readonly #remembered: RememberedPeers
  #supervisor: Supervisor | undefined
  #restarts = 0
  #lastRestart: { at: number; why: string } | undefined
  /** Starts and stops happen one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  constructor(options: NetworkOptions) {
    this.#options = options
    this.#ports = new ListenPorts(options.listen)
    this.#remembered = new RememberedPeers(options.rememberIn)
    this.#peers = new Peers((error) => this.#listenerFailed(error))
    this.peerId = peerIdOf(publicKeyBytes(privateKeyOfSeed(options.seed)))
  }

  get running(): boolean {
    return this.#running !== undefined
  }

  multiaddrs(): readonly string[] {
    return this.#running?.multiaddrs() ?? []
  }

  peers(): readonly string[] {
    return this.#peers.list()
  }

  state(): NetworkState {
    const running = this.#running
    const { reachability, seats, serving } = running?.reach.status() ?? {
      reachability: {
        state: 'off',
        text: this.#supervisor
          ? 'The network hung and does not start again; it is tried again and again.'
          : 'The network is off: nobody reaches this node.',
      },
      seats: [],
      serving: undefined,
    }
    return {
      reachability,
      addresses: this.multiaddrs(),
      relays: seats,
      seats: serving,
      records: running?.records,
      peers: running?.connections() ?? [],
      restarts: this.#restarts,
      lastRestart: this.#lastRestart,
    }
  }

  onAddresses(listener: () => void): () => void {
    this.#addressListeners.add(listener)
    return () => this.#addressListeners.delete(listener)
  }

  start(): Promise<void> {
    return this.#next(async () => {
      this.#running ??= await this.#listen()
      this.#supervise()
    })
  }

  stop(): Promise<void> {
    return this.#next(async () => {
      this.#supervisor?.stop()
      this.#supervisor = undefined
      await this.#end()
      this.#remembered.write()
    })
  }

  protect(owner: string, peerIds: readonly string[]): void {
    this.#protected.set(owner, peerIds)
  }

  async putRecord(place: string, value: Uint8Array): Promise<number> {
    try {
      return (await this.#running?.putRecord(place, value)) ?? 0
    } catch {
      this.#options.count?.('network.dht.failed')
      return 0
    }
  }

  async getRecord(place: string): Promise<DhtRecord | undefined> {
    return this.#running?.getRecord(place)
  }

  forget(owner: string): void {
    this.#remembered.forget(this.#protected.forget(owner))
  }

  /** A library that does not come to an end is left behind. */
  async #end(): Promise<void> {
    const running = this.#running
    this.#running = undefined
    if (running && !(await inTime(running.stop(), LIMITS.networkStopMs)))
      this.#options.log.warn({}, 'the network does not stop and is left behind')
    this.#peers.clear()
  }

  #supervise(): void {
    const { listen, lookMs = LIMITS.networkLookMs, stuckMs = LIMITS.networkStuckMs } = this.#options
    this.#supervisor?.stop()
    this.#supervisor = new Supervisor({
      everyMs: lookMs,
      look: async () =>
        this.#running ? this.#running.problem(listen.length > 0, stuckMs) : 'it did not start again',
      onHung: (why) => void this.#next(() => this.#beginAnew(why)),
      onWell: (slept) => {
        if (slept) this.#tellAddresses()
        else this.#running?.reach.look()
      },
    })
  }

  async #beginAnew(why: string): Promise<void> {
    // Switched off meanwhile.
    if (!this.#supervisor) return
    this.#restarts++
    this.#lastRestart = { at: Date.now(), why }
    this.#options.count?.('network.restarts')
    this.#options.log.warn({ why }, 'the network hung and is started anew')
    try {
      await this.#end()
      this.#running = await this.#listen()
    } catch (error) {
      this.#options.log.warn(
        { reason: String((error as Error).message) },
        'the network does not start again yet',
      )
    }
    this.#supervise()
    if (this.#running) this.#tellAddresses()
  }

  handle(protocol: string, options: StreamOptions, handler: StreamHandler): void {
    if (this.#handlers.has(protocol))
      throw new VivimError('Conflict', `There is a handler of ${protocol} already.`)
    this.#handlers.set(protocol, { options, handler })
    this.#running?.handle(protocol, options, handler)
  }

  unhandle(protocol: string): void {
    if (this.#handlers.delete(protocol)) this.#running?.unhandle(protocol)
  }

  async open(target: DialTarget, protocol: string, options: OpenOptions): Promise<FrameStream> {
    return this.#on().open(target, protocol, options)
  }

  async connect(target: DialTarget, signal?: AbortSignal): Promise<void> {
    await this.#on().connect(target, signal)
  }

  disconnect(peerId: string): void {
    this.#running?.disconnect(peerId, 'it is no longer wanted')
  }

  allowGossip(peerId: string): void {
    if (this.#gossipPeers.has(peerId)) return
    this.#gossipPeers.add(peerId)
    this.#running?.gossipWith(peerId)
  }

  misbehaved(peerId: string): void {
    this.#refused.add(peerId)
    this.#options.count?.('network.peers.refused')
    this.#options.log.warn({ peer: peerId }, 'a peer is refused for a while for what it sent')
    this.#running?.disconnect(peerId, 'this peer is refused')
  }

  subscribe(topic: string, handler: MessageHandler): void {
    const isNew = !this.#topics.has(topic)
    this.#topics.set(topic, handler)
    if (isNew) this.#running?.subscribe(topic)
  }

  unsubscribe(topic: string): void {
    if (this.#topics.delete(topic)) this.#running?.unsubscribe(topic)
  }

  publish(topic: string, message: Uint8Array): void {
    if (message.length > LIMITS.gossipMessageBytes) {
      this.#options.log.warn({ bytes: message.length }, 'a message is too large for gossip and was not sent')
      return
    }
    this.#running?.publish(topic, message)
  }

  onPeer(listener: (peerId: string, connected: boolean) => void): () => void {
    return this.#peers.listen(listener)
  }

  onDiscovered(listener: DiscoveryListener): () => void {
    this.#discovery.add(listener)
    return () => this.#discovery.delete(listener)
  }

  async #listen(): Promise<RunningNetwork> {
    const { RunningNetwork } = await import('./running-network.ts')
    for (let tried = 1; ; tried++) {
      const addresses = this.#ports.addresses()
      try {
        const running = await startInTime(
          RunningNetwork.start(this.#options, addresses, {
            handlers: this.#handlers,
            topics: this.#topics,
            gossipPeers: this.#options.gossipWithAnyone ? { has: () => true } : this.#gossipPeers,
            refused: this.#refused,
            protectedPeers: this.#protected,
            remembered: this.#remembered,
            onMisbehaviour: (peerId) => this.misbehaved(peerId),
            onPeer: (peerId, connected) => this.#peers.note(peerId, connected),
            onDiscovered: (peerId, found) => this.#tellDiscovered(peerId, found),
            onAddresses: () => this.#tellAddresses(),
            onError: (error) => this.#listenerFailed(error),
          }),
        )
        this.#ports.remember(running.multiaddrs())
        return running
      } catch (error) {
        this.#peers.clear()
        if (!isAddressInUse(error)) throw listenFailure(error, addresses)
        // A port the system had chosen belongs to nobody: rather another one than no network.
        if (tried < LISTEN_TRIES) await delay(LISTEN_RETRY_MS)
        else if (!this.#ports.forget()) throw listenFailure(error, addresses)
      }
    }
  }

  #tellAddresses(): void {
    for (const listener of [...this.#addressListeners]) {
      try {
        listener()
      } catch (error) {
        this.#listenerFailed(error)
      }
    }
  }

  #tellDiscovered(peerId: string, addresses: readonly string[]): void {
    if (peerId === this.peerId) return
    for (const listener of [...this.#discovery]) {
      try {
        listener(peerId, addresses)
      } catch (error) {
        this.#listenerFailed(error)
      }
    }
  }

  #on(): RunningNetwork {
    if (this.#running) return this.#running
    throw new VivimError('Unavailable', 'The network is off.', { hint: 'Switch network.enabled on.' })
  }

  #listenerFailed(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.log.error({ reason }, 'somebody who listens to the network failed')
  }

  #next(step: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(step)
    this.#turn = done.catch(() => {})
    return done
  }
}

/** @throws VivimError `Unavailable` when it takes too long; what starts later is stopped */
async function startInTime(starting: Promise<RunningNetwork>): Promise<RunningNetwork> {
  if (await inTime(starting, LIMITS.networkStartMs)) return starting
  starting.then((running) => running.stop()).catch(() => {})
  throw new VivimError('Unavailable', 'The network takes too long to start.')
}
