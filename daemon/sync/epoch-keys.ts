import { readEpochWrap } from '../../crdt/epoch-wrap.ts'
import type { VerifyRoot } from '../../crdt/membership-entry.ts'
import type { EpochKey } from '../../crdt/sealed-message.ts'
import { rootVerifier } from '../identity/member-reader.ts'
import { EPOCH_PURPOSE } from '../identity/revocation.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import { unwrap } from '../identity/x-wing.ts'

/** The epoch keys of a person's space: those of the keystore, and those wrapped for this device since. */
export class EpochKeys {
  readonly #device: Uint8Array
  readonly #receiveSeed: Uint8Array
  readonly #space: Uint8Array
  readonly #verifyRoot: VerifyRoot
  /** Documents looked at, in base64: opening a wrap takes milliseconds. */
  readonly #seen = new Set<string>()
  #list: readonly EpochKey[]

  constructor(
    { did, epochs, receiveSeed }: Pick<UserKeys, 'did' | 'epochs' | 'receiveSeed'>,
    device: Uint8Array,
    space: Uint8Array,
  ) {
    this.#device = device
    this.#receiveSeed = receiveSeed
    this.#space = space
    this.#verifyRoot = rootVerifier(did)
    this.#list = epochs
  }

  /** Oldest first. */
  get list(): readonly EpochKey[] {
    return this.#list
  }

  /** Takes keys that another device handed over; answers whether there was a new one. */
  add(epochs: readonly EpochKey[]): boolean {
    const fresh = epochs.filter(({ epoch }) => !this.#list.some((known) => known.epoch === epoch))
    this.#list = [...this.#list, ...fresh].sort((a, b) => a.epoch - b.epoch)
    return fresh.length > 0
  }

  /** Takes keys out of wraps that are for this device; answers whether there was a new one. */
  update(documents: readonly Uint8Array[]): boolean {
    const before = this.#list.length
    for (const document of documents) {
      const name = Buffer.from(document).toString('base64')
      if (this.#seen.has(name)) continue
      this.#seen.add(name)
      const wrap = readEpochWrap(document, this.#verifyRoot)
      if (!wrap || !same(wrap.device, this.#device) || !same(wrap.space, this.#space)) continue
      const key = unwrap(this.#receiveSeed, EPOCH_PURPOSE, wrap.wrapped)
      if (key?.length !== 32 || this.#list.some(({ epoch }) => epoch === wrap.epoch)) continue
      this.#list = [...this.#list, { epoch: wrap.epoch, key }].sort((a, b) => a.epoch - b.epoch)
    }
    return this.#list.length > before
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
