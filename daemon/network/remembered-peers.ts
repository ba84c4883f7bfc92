import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { LIMITS } from '../../schema/limits.ts'
import { scopeOf } from './reach/address-scope.ts'

interface Remembered {
  /** Newest first. */
  readonly addresses: readonly string[]
  /** Milliseconds UTC of the last time one worked. */
  readonly at: number
}

const ADDRESSES = 4
const WRITE_AFTER_MS = 2_000

/**
 * Addresses at which peers were reached, kept over restarts: where a device or a bootstrap node said it would be may be
 * out of date, and where it was is worth a try. A file that cannot be read or written is done without.
 */
export class RememberedPeers {
  readonly #file: string | undefined
  readonly #peers = new Map<string, Remembered>()
  #writing: NodeJS.Timeout | undefined

  constructor(file: string | undefined) {
    this.#file = file
    for (const [peerId, remembered] of read(file)) this.#peers.set(peerId, remembered)
  }

  addressesOf(peerId: string): readonly string[] {
    return this.#peers.get(peerId)?.addresses ?? []
  }

  /** This peer was dialled there. */
  reached(peerId: string, address: string, at: number): void {
    if (this.#file === undefined || scopeOf(address) === undefined) return
    const before = this.addressesOf(peerId).filter((known) => known !== address)
    this.#peers.delete(peerId)
    this.#peers.set(peerId, { addresses: [address, ...before].slice(0, ADDRESSES), at })
    if (this.#peers.size > LIMITS.rememberedPeers) this.#peers.delete(this.#peers.keys().next().value!)
    this.#writeSoon()
  }

  forget(peerIds: Iterable<string>): void {
    for (const peerId of peerIds) if (this.#peers.delete(peerId)) this.#writeSoon()
    this.write()
  }

  #writeSoon(): void {
    this.#writing ??= setTimeout(() => this.write(), WRITE_AFTER_MS).unref()
  }

  write(): void {
    clearTimeout(this.#writing)
    if (this.#file === undefined || this.#writing === undefined) return
    this.#writing = undefined
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
      const temporary = `${this.#file}.tmp`
      writeFileSync(temporary, `${JSON.stringify(Object.fromEntries(this.#peers))}\n`, { mode: 0o600 })
      renameSync(temporary, this.#file)
    } catch {
      // Known again as soon as the peers are reached.
    }
  }
}

function read(file: string | undefined): [string, Remembered][] {
  if (file === undefined) return []
  try {
    const found: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (typeof found !== 'object' || found === null) return []
    const entries = Object.entries(found).filter((entry): entry is [string, Remembered] =>
      isRemembered(entry[1]),
    )
    return entries.slice(-LIMITS.rememberedPeers)
  } catch {
    return []
  }
}

function isRemembered(value: unknown): value is Remembered {
  const { addresses, at } = (value ?? {}) as Partial<Remembered>
  return (
    typeof at === 'number' &&
    Array.isArray(addresses) &&
    addresses.length <= ADDRESSES &&
    addresses.every((address) => typeof address === 'string' && scopeOf(address) !== undefined)
  )
}
