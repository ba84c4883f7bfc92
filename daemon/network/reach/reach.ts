import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { LIMITS } from '../../../schema/limits.ts'
import type { Dialer } from '../dialer.ts'
import type { Node } from '../libp2p-node.ts'
import type { NetworkOptions } from '../options.ts'
import { byWorth, scopeOf } from './address-scope.ts'
import { answerDialBacks, askToDialBack, type DialledBack } from './dial-back.ts'
import { type Reachability, reachability } from './reachability.ts'
import { RelaySeats, type Seat } from './relay-seats.ts'
import type { SeatKeeper } from './relay-server.ts'
import type { CircuitRelayTransport } from './relay-transport.ts'

export interface ReachOptions {
  readonly node: Node
  readonly dialer: Dialer
  readonly options: NetworkOptions
  readonly transport: CircuitRelayTransport
  /** Of a relay. */
  readonly keeper: SeatKeeper | undefined
  /** Called when this node is reached elsewhere than before. */
  readonly onAddresses: () => void
}

/** What the node has and its interface does not tell. */
interface Inside {
  readonly components: {
    readonly transportManager: { getAddrs(): Multiaddr[] }
    readonly addressManager: {
      addObservedAddr(address: Multiaddr): void
      confirmObservedAddr(address: Multiaddr, options?: { type: 'transport' }): void
    }
  }
}

/** How others reach this node: its own addresses, what peers find who dial back, and seats at relays. */
export class Reach {
  readonly #options: ReachOptions
  readonly #seats: RelaySeats
  readonly #found = new Map<string, DialledBack>()
  readonly #asked = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #told = ''
  #listened = ''

  constructor(options: ReachOptions) {
    this.#options = options
    this.#seats = new RelaySeats({
      dialer: options.dialer,
      transport: options.transport,
      relays: options.options.relays ?? [],
      onChange: () => this.#changed(),
      onConnected: (peerId) => void this.ask(peerId),
    })
  }

  async start(): Promise<void> {
    const { node, options } = this.#options
    this.#confirmOwn()
    await answerDialBacks(node, options.count ?? (() => {}))
    this.#told = this.addresses().join()
    this.#listened = this.listening().join()
    this.#seats.start()
    this.#timer = setInterval(() => this.#again(), LIMITS.dialBackEveryMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#seats.stop()
    this.#options.keeper?.stop()
  }

  /** A relay this node chose. */
  isRelay(peerId: string): boolean {
    return this.#seats.knows(peerId)
  }

  /** Where this process listens, of every address. */
  listening(): string[] {
    return inside(this.#options.node).transportManager.getAddrs().map(String)
  }

  /** The addresses may be others: the machine moved. Tells if they are. */
  look(): void {
    const listening = this.listening().join()
    if (listening !== this.#listened) {
      this.#listened = listening
      this.#found.clear()
      this.#asked.clear()
      this.#seats.hurry()
      for (const { peerId } of this.#seats.list()) void this.ask(peerId)
    }
    this.#changed()
  }

  /** Where others reach this node, best first. */
  addresses(): string[] {
    this.#confirmOwn()
    const { node } = this.#options
    const own = node.getMultiaddrs().map(String)
    const direct = own.filter((address) => scopeOf(address) !== 'relayed')
    return byWorth([...new Set([...direct, ...this.#seats.addresses(node.peerId.toString())])])
  }

  status(): { reachability: Reachability; seats: Seat[]; serving: number | undefined } {
    const addresses = this.addresses()
    const seats = this.#seats.list()
    return {
      reachability: reachability({ addresses, found: this.#found, seats }),
      seats,
      serving: this.#options.keeper?.taken,
    }
  }

  /** Asks a connected peer to dial back, if it was not asked lately. */
  async ask(peerId: string): Promise<void> {
    const { node } = this.#options
    const asked = this.#asked.get(peerId)
    const ports = this.#ports()
    const connection = directTo(node, peerId)
    if (!connection || ports.length === 0) return
    if (asked !== undefined && performance.now() - asked < LIMITS.dialBackEveryMs / 2) return
    this.#asked.set(peerId, performance.now())
    try {
      const answer = await askToDialBack(connection, ports, AbortSignal.timeout(LIMITS.dialBackMs))
      if (!answer) return
      this.#found.set(peerId, answer)
      this.#believe(answer)
    } catch {
      this.#found.delete(peerId)
    }
    this.#changed()
  }

  #again(): void {
    for (const peerId of this.#found.keys())
      if (!directTo(this.#options.node, peerId)) this.#found.delete(peerId)
    for (const { peerId } of this.#seats.list()) void this.ask(peerId)
    this.#changed()
  }

  /** An address that a router forwards is none of the machine's own. */
  #believe({ host, ports }: DialledBack): void {
    const { addressManager } = inside(this.#options.node)
    for (const port of ports) {
      const address = multiaddr(`/${host.includes(':') ? 'ip6' : 'ip4'}/${host}/tcp/${port}`)
      if (scopeOf(String(address)) !== 'public') continue
      addressManager.addObservedAddr(address)
      addressManager.confirmObservedAddr(address)
    }
  }

  /** The library tells nobody of a public address of the machine's own until AutoNAT has confirmed it. */
  #confirmOwn(): void {
    const { transportManager, addressManager } = inside(this.#options.node)
    for (const address of transportManager.getAddrs())
      if (scopeOf(String(address)) === 'public')
        addressManager.confirmObservedAddr(address, { type: 'transport' })
  }

  #ports(): number[] {
    const listening = inside(this.#options.node).transportManager.getAddrs()
    const ports = listening.flatMap((address) => /\/tcp\/(\d+)/.exec(String(address))?.[1] ?? [])
    return [...new Set(ports.map(Number))]
  }

  #changed(): void {
    this.#seats.want(this.status().reachability.state !== 'public')
    const now = this.addresses().join()
    if (now === this.#told) return
    this.#told = now
    this.#options.onAddresses()
  }
}

function directTo(node: Node, peerId: string): Connection | undefined {
  return node
    .getConnections()
    .find(
      ({ remotePeer, limits, status }) =>
        remotePeer.toString() === peerId && limits === undefined && status === 'open',
    )
}

function inside(node: Node): Inside['components'] {
  return (node as unknown as Inside).components
}
