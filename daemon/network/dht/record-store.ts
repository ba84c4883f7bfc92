import { NotFoundError } from '@libp2p/interface'
import { LIMITS } from '../../../schema/limits.ts'

/** The library's keys: paths under a type of its own. */
type Key = { toString(): string }

/**
 * Where the table keeps what others put into it, in memory: so much and no more, the oldest goes first. The library's
 * own grows without end, and takes an older record for a newer one.
 */
export class RecordStore {
  readonly #entries = new Map<string, Uint8Array>()
  readonly #isOlder: (candidate: Uint8Array, present: Uint8Array) => boolean
  readonly #count: (name: string) => void
  #bytes = 0

  constructor(
    isOlder: (candidate: Uint8Array, present: Uint8Array) => boolean,
    count: (name: string) => void,
  ) {
    this.#isOlder = isOlder
    this.#count = count
  }

  get size(): number {
    return this.#entries.size
  }

  async put(key: Key, value: Uint8Array): Promise<Key> {
    const name = key.toString()
    const present = this.#entries.get(name)
    if (present && this.#isOlder(value, present)) return key
    this.#remove(name)
    this.#entries.set(name, value)
    this.#bytes += value.length
    while (this.#entries.size > LIMITS.dhtRecords || this.#bytes > LIMITS.dhtBytes) {
      this.#remove(this.#entries.keys().next().value!)
      this.#count('network.dht.dropped')
    }
    return key
  }

  async get(key: Key): Promise<Uint8Array> {
    const found = this.#entries.get(key.toString())
    if (found) return found
    throw new NotFoundError()
  }

  async has(key: Key): Promise<boolean> {
    return this.#entries.has(key.toString())
  }

  async delete(key: Key): Promise<void> {
    this.#remove(key.toString())
  }

  /** This node says of nothing that it provides it. */
  async *query(): AsyncGenerator<never> {}

  #remove(name: string): void {
    const present = this.#entries.get(name)
    if (!present) return
    this.#entries.delete(name)
    this.#bytes -= present.length
  }
}
