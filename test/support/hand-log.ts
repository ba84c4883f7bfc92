import { randomBytes } from 'node:crypto'
import { deviceTag } from '../../crdt/device.ts'
import { GENESIS_HASH, LogChain } from '../../crdt/log.ts'
import { commitmentOf, encodeOperation, saltOf } from '../../crdt/operation.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { publicKeyBytes, sign } from '../../daemon/identity/ed25519.ts'
import type { UserKeys } from '../../daemon/identity/user-keys.ts'
import { Conversation } from '../../schema/entities/index.ts'

/** A log as a device writes it that says what it likes: well signed, and kept in memory alone. */
export class HandLog {
  readonly #keys: UserKeys
  readonly #incarnation: Uint8Array
  readonly #membershipHead: Uint8Array
  #sequence = 0
  #head: Uint8Array = GENESIS_HASH
  #ms = 0

  constructor(
    keys: UserKeys,
    incarnation: Uint8Array = new Uint8Array(randomBytes(8)),
    membershipHead: Uint8Array = GENESIS_HASH,
  ) {
    this.#keys = keys
    this.#incarnation = incarnation
    this.#membershipHead = membershipHead
  }

  /** The same log up to here, to be gone on with in another way. */
  fork(): HandLog {
    const other = new HandLog(this.#keys, this.#incarnation, this.#membershipHead)
    other.#sequence = this.#sequence
    other.#head = this.#head
    other.#ms = this.#ms
    return other
  }

  /** One signed segment that gives each of these conversations a title; `ms` is the stamp of the first. */
  segment(keys: readonly string[], title: string, ms: number): Uint8Array {
    const device = publicKeyBytes(this.#keys.deviceKey)
    const log = { space: privateSpaceId(this.#keys.did), device, incarnation: this.#incarnation }
    const chain = new LogChain(log)
    const seed = new Uint8Array(randomBytes(32))
    const first = this.#sequence + 1
    const previousHash = this.#head
    const operations = keys.map((key) => {
      this.#sequence++
      this.#ms = Math.max(ms, this.#ms + 1)
      const body = encodeOperation({
        hlc: { ms: this.#ms, counter: 0, device: deviceTag(device) },
        kind: 'UPDATE',
        table: Conversation.number,
        key,
        schemaVersion: 1,
        columns: new Map([[Conversation.columns.title.number, title]]),
      })
      this.#head = chain.hash(this.#sequence, this.#head, commitmentOf(saltOf(seed, this.#sequence), body))
      return { body }
    })
    const header = {
      ...log,
      first,
      count: keys.length,
      previousHash,
      membershipHead: this.#membershipHead,
      headHash: this.#head,
    }
    const signature = sign(this.#keys.deviceKey, segmentMessage(header))
    return encodeShippedSegment({ ...header, signature, seed, from: first, operations })
  }
}
