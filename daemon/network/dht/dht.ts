import type { Startable } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper, Record } from '@libp2p/kad-dht'
import { LIMITS } from '../../../schema/limits.ts'
import { CpuWatchdog } from './cpu-watchdog.ts'
import { type DhtRecord, readRecord } from './record.ts'
import { RecordStore } from './record-store.ts'

/** Our own: other tables of the library are none of our business. */
const PROTOCOL = '/vivim/kad/1'
const QUERY_SELF_MS = 10 * 60_000
const text = new TextDecoder()
const bytes = new TextEncoder()

type Components = Parameters<ReturnType<typeof kadDHT>>[0]
export interface DhtOptions {
  /** Whether to keep records for others. */
  readonly serves: boolean
  readonly count: (name: string) => void
  readonly log: { warn(details: object, message: string): void }
}

/**
 * A table spread over the bootstrap nodes, where one finds what stands at a place. It is a hint: whoever keeps it may
 * say nothing, or what is old. The library would also ask it for every peer whose address is unknown, and so tell
 * strangers whom this node looks for; so the node sees no more of it than this.
 */
export class Dht implements Startable {
  readonly #table: KadDHT & Startable
  readonly #store: RecordStore
  readonly #watchdog: CpuWatchdog
  readonly #serves: boolean
  #resting: NodeJS.Timeout | undefined
  #running = false

  constructor(components: Components, { serves, count, log }: DhtOptions) {
    this.#serves = serves
    this.#store = new RecordStore((candidate, present) => sequenceOf(candidate) < sequenceOf(present), count)
    const own = new Proxy(components, {
      get: (parts, name) => (name === 'datastore' ? this.#store : Reflect.get(parts, name)),
    })
    this.#table = kadDHT({
      protocol: PROTOCOL,
      clientMode: !serves,
      allowQueryWithZeroPeers: true,
      querySelfInterval: QUERY_SELF_MS,
      // A table of one house is as good as one of the world.
      peerInfoMapper: passthroughMapper,
      validators: {
        vivim: async (key, value) => {
          if (readRecord(text.decode(key), value)) return
          count('network.dht.refused')
          throw new RangeError('not a record of that place')
        },
      },
      selectors: {
        vivim: (key, values) => newest(text.decode(key), values),
      },
    })(own) as KadDHT & Startable
    this.#watchdog = new CpuWatchdog(() => {
      count('network.dht.rests')
      log.warn({}, 'the processor is busy for long: finding devices by the table rests for a while')
      void this.#rest()
    })
  }

  isStarted(): boolean {
    return this.#running
  }

  async start(): Promise<void> {
    this.#running = true
    await this.#table.start?.()
  }

  async afterStart(): Promise<void> {
    // Chosen once: the library would switch as it believes to be reached.
    const table = this.#table as unknown as {
      setMode(mode: 'client' | 'server', options: object): Promise<void>
    }
    await table.setMode(this.#serves ? 'server' : 'client', { force: true })
    this.#watchdog.start()
  }

  async stop(): Promise<void> {
    this.#running = false
    clearTimeout(this.#resting)
    this.#watchdog.stop()
    await this.#table.stop?.()
  }

  /** Records kept here. */
  get kept(): number {
    return this.#store.size
  }

  /** Puts a signed record to its place, and answers how many keep it. @throws what the library throws */
  async put(place: string, value: Uint8Array, signal: AbortSignal): Promise<number> {
    if (this.#resting) return 0
    let keepers = 0
    for await (const event of this.#table.put(bytes.encode(place), value, { signal })) {
      signal.throwIfAborted()
      if (event.name === 'PEER_RESPONSE' && event.messageName === 'PUT_VALUE') keepers++
    }
    return keepers
  }

  /** The newest record found at that place. */
  async get(place: string, signal: AbortSignal): Promise<DhtRecord | undefined> {
    if (this.#resting) return undefined
    let best: DhtRecord | undefined
    try {
      for await (const event of this.#table.get(bytes.encode(place), { signal })) {
        if (event.name !== 'VALUE') continue
        const found = readRecord(place, event.value)
        if (found && (!best || found.sequence > best.sequence)) best = found
      }
    } catch {
      // Nobody keeps it, or nobody answered in time: what was found counts.
    }
    return best
  }

  async #rest(): Promise<void> {
    if (!this.#running || this.#resting) return
    this.#resting = setTimeout(() => {
      this.#resting = undefined
      if (this.#running) void this.start().then(() => this.afterStart())
    }, LIMITS.dhtRestMs)
    this.#resting.unref()
    this.#watchdog.stop()
    await this.#table.stop?.()
  }
}

/** The place of the best of several in the list; any when none is valid. */
function newest(place: string, values: Uint8Array[]): number {
  const sequences = values.map((value) => readRecord(place, value)?.sequence ?? -1)
  return Math.max(0, sequences.indexOf(Math.max(...sequences)))
}

/** Of an entry of the store; -1 for what is no record. */
function sequenceOf(entry: Uint8Array): number {
  try {
    const { key, value } = Record.deserialize(entry)
    return readRecord(text.decode(key), value)?.sequence ?? -1
  } catch {
    return -1
  }
}
