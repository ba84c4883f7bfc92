import type { Logger, PeerInfo, Startable } from '@libp2p/interface'
import { mdns } from '@libp2p/mdns'
import type { NetworkLog } from './options.ts'

/** Our own name on the local network: other programs over libp2p are not asked, and not answered. */
const SERVICE_TAG = '_vivim._udp.local'
/** How often this node asks; milliseconds. */
const ASK_EVERY_MS = 10_000
/** Every answer on the network is heard by all: the same news is told once in this time; milliseconds. */
const REPEAT_AFTER_MS = 60_000
/** A hostile neighbour can make up any number of peers. */
const REMEMBERED_PEERS = 1_000
/** Closing a socket that never opened may not answer; milliseconds. */
const STOP_BUDGET_MS = 500

type Components = Parameters<ReturnType<typeof mdns>>[0]
export type Discovered = (peerId: string, addresses: readonly string[]) => void

/**
 * Finds other nodes on the local network by multicast DNS and tells of them. Nothing is dialled and nothing is put
 * into the library's peer store, which is why this is not one of its discovery services.
 */
export class LocalDiscovery implements Startable {
  readonly #discovery: ReturnType<ReturnType<typeof mdns>> & Partial<Startable>
  readonly #told = new Map<string, string>()
  #forgetting: NodeJS.Timeout | undefined

  constructor(components: Components, onDiscovered: Discovered, log: NetworkLog) {
    let warned = false
    const warn = (format: unknown, error: unknown) => {
      if (warned || !String(format).startsWith('mdns ')) return
      warned = true
      log.warn({ reason: String((error as Error)?.message ?? error) }, 'local discovery does not work here')
    }
    const logger: Logger = Object.assign(() => {}, {
      error: warn,
      trace: () => {},
      enabled: true,
      newScope: () => logger,
    })
    this.#discovery = mdns({ serviceTag: SERVICE_TAG, interval: ASK_EVERY_MS })({
      addressManager: components.addressManager,
      logger: { forComponent: () => logger },
    })
    this.#discovery.addEventListener('peer', ({ detail }) => this.#tell(detail, onDiscovered))
  }

  /** Never throws: a node without multicast is whole. */
  async start(): Promise<void> {
    this.#forgetting = setInterval(() => this.#told.clear(), REPEAT_AFTER_MS)
    this.#forgetting.unref()
    await this.#discovery.start?.()
  }

  async stop(): Promise<void> {
    clearInterval(this.#forgetting)
    this.#told.clear()
    const budget = Promise.withResolvers<void>()
    const timer = setTimeout(budget.resolve, STOP_BUDGET_MS)
    // Closing a socket that failed to open throws.
    const stopped = Promise.resolve(this.#discovery.stop?.()).catch(() => {})
    await Promise.race([stopped, budget.promise])
    clearTimeout(timer)
  }

  #tell(peer: PeerInfo, onDiscovered: Discovered): void {
    const peerId = peer.id.toString()
    const addresses = peer.multiaddrs.map(String)
    const news = addresses.toSorted().join(' ')
    if (this.#told.get(peerId) === news || this.#told.size >= REMEMBERED_PEERS) return
    this.#told.set(peerId, news)
    onDiscovered(peerId, addresses)
  }
}
