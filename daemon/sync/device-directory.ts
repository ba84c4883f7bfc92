import { encodeCanonical } from '../../crdt/cbor.ts'
import { sha256 } from '../../crdt/hash.ts'
import { type EpochKey, openMessage, purposeKey, sealMessage } from '../../crdt/sealed-message.ts'
import { LIMITS } from '../../schema/limits.ts'
import { privateKeyOfSeed, publicKeyBytes } from '../identity/ed25519.ts'
import { readMemberDocument } from '../identity/member-document.ts'
import { placeOf, signRecord } from '../network/dht/record.ts'
import type { Network } from '../network/network.ts'

const TOPIC = 'directory'
/** Places change daily, so that one day's cannot be told to be the next day's. */
const PERIOD_MS = 24 * 3_600_000
/** A peer that connected first has to say what it speaks; milliseconds. */
const SETTLE_MS = 1_000

export interface DeviceDirectoryOptions {
  readonly network: Pick<Network, 'putRecord' | 'getRecord' | 'onPeer'>
  /** Milliseconds UTC. */
  readonly now: () => number
}

interface Published {
  readonly epochs: readonly EpochKey[]
  readonly deviceDid: string
  readonly document: Uint8Array
  /** By a clock that nobody sets; undefined while nobody keeps it. */
  at: number | undefined
}

/**
 * Where a person's devices find each other's documents when no other way is left. Places and the keys that sign there
 * follow from the key the devices share; the documents are sealed with it: who keeps the table learns neither whose they
 * are nor what they say. Whether a document is a device's own, its own signature says.
 */
export class DeviceDirectory {
  readonly #options: DeviceDirectoryOptions
  readonly #published = new Map<string, Published>()
  readonly #asked = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #stopListening = () => {}

  constructor(options: DeviceDirectoryOptions) {
    this.#options = options
  }

  start(): void {
    this.#timer = setInterval(() => this.#again(), LIMITS.dhtPublishMs / 12)
    this.#timer.unref()
    // Whoever connected may keep records.
    this.#stopListening = this.#options.network.onPeer((_peerId, connected) => {
      if (connected) this.#again()
    })
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.#stopListening()
    this.#published.clear()
  }

  /** Puts a person's own document where their other devices look, now and from time to time. */
  publish(did: string, epochs: readonly EpochKey[], deviceDid: string, document: Uint8Array): void {
    this.#published.set(did, { epochs, deviceDid, document, at: undefined })
    this.#again()
  }

  forget(did: string): void {
    this.#published.delete(did)
  }

  /** What nobody keeps, and what was put there long ago. */
  #again(): void {
    if (this.#soon) return
    this.#soon = setTimeout(() => {
      this.#soon = undefined
      for (const each of this.#published.values())
        if (each.at === undefined || performance.now() - each.at > LIMITS.dhtPublishMs) void this.#put(each)
    }, SETTLE_MS)
    this.#soon.unref()
  }

  async #put(published: Published): Promise<void> {
    const { epochs, deviceDid, document } = published
    const epoch = epochs.at(-1)
    const sequence = readMemberDocument(document)?.sequence
    if (!epoch || sequence === undefined) return
    const key = signerOf(epoch, deviceDid, this.#period())
    const value = signRecord(key, { sequence, payload: sealMessage(epoch, TOPIC, document) })
    if (value.length > LIMITS.dhtRecordBytes) return
    const keepers = await this.#options.network.putRecord(placeOf(publicKeyBytes(key)), value)
    if (keepers > 0) published.at = performance.now()
  }

  /** As `find`, but for a person whose devices were looked for a moment ago nobody is asked again. */
  async findNowAndThen(did: string, ...looked: Parameters<DeviceDirectory['find']>): Promise<Uint8Array[]> {
    const asked = this.#asked.get(did)
    if (asked !== undefined && performance.now() - asked < LIMITS.dhtAskMs) return []
    this.#asked.set(did, performance.now())
    return this.find(...looked)
  }

  /** The newest documents of these devices that are found; to be checked like any other. */
  async find(epochs: readonly EpochKey[], deviceDids: readonly string[]): Promise<Uint8Array[]> {
    const epoch = epochs.at(-1)
    if (!epoch) return []
    const period = this.#period()
    const found = await Promise.all(
      deviceDids.slice(0, LIMITS.registryDevices).flatMap((deviceDid) =>
        [period, period - 1].map(async (when) => {
          const place = placeOf(publicKeyBytes(signerOf(epoch, deviceDid, when)))
          const record = await this.#options.network.getRecord(place)
          const document = record && openMessage([epoch], TOPIC, record.payload)
          return document && readMemberDocument(document)?.deviceDid === deviceDid ? [document] : []
        }),
      ),
    )
    return found.flat()
  }

  #period(): number {
    return Math.floor(this.#options.now() / PERIOD_MS)
  }
}

function signerOf(epoch: EpochKey, deviceDid: string, period: number) {
  const seed = sha256(encodeCanonical([purposeKey(epoch, 'directory'), deviceDid, period]))
  return privateKeyOfSeed(seed)
}
