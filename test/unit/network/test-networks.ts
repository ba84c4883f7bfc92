import { randomBytes } from 'node:crypto'
import { createNetwork } from '../../../daemon/network/libp2p-network.ts'
import type { Network } from '../../../daemon/network/network.ts'
import type { NetworkOptions } from '../../../daemon/network/options.ts'

export interface LogLine {
  readonly level: 'info' | 'warn' | 'error'
  readonly details: object
  readonly message: string
}

export interface TestNetwork extends Network {
  readonly lines: LogLine[]
  readonly counted: Map<string, number>
  /** Of its key. */
  readonly seed: Uint8Array
  /** How others dial it. */
  target(): { readonly peerId: string; readonly addresses: readonly string[] }
}

/** Networks on the loopback interface with ports of the system's choice; `stopAll` after each test. */
export class TestNetworks {
  readonly #made: Network[] = []

  create(options: Partial<NetworkOptions> = {}): TestNetwork {
    const lines: LogLine[] = []
    const counted = new Map<string, number>()
    const note = (level: LogLine['level']) => (details: object, message: string) =>
      void lines.push({ level, details, message })
    const seed = options.seed ?? randomBytes(32)
    const network = createNetwork({
      seed,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      mdns: false,
      gossipWithAnyone: true,
      log: { info: note('info'), warn: note('warn'), error: note('error') },
      count: (name) => void counted.set(name, (counted.get(name) ?? 0) + 1),
      ...options,
    })
    this.#made.push(network)
    const target = () => ({ peerId: network.peerId, addresses: network.multiaddrs() })
    return Object.assign(network, { lines, counted, seed, target })
  }

  async start(options: Partial<NetworkOptions> = {}): Promise<TestNetwork> {
    const network = this.create(options)
    await network.start()
    return network
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#made.splice(0).map((network) => network.stop()))
  }
}
