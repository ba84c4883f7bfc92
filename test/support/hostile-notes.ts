import { randomBytes } from 'node:crypto'
import { deviceTag } from '../../crdt/device.ts'
import { GENESIS_HASH, LogChain } from '../../crdt/log.ts'
import { commitmentOf, encodeOperation, type Operation, saltOf } from '../../crdt/operation.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { encodeTextChange, textClient } from '../../crdt/text.ts'
import { sign } from '../../daemon/identity/ed25519.ts'
import { NotebookEntry, type Value } from '../../schema/entities/index.ts'
import type { PairedVault } from './paired-vaults.ts'

const { body: BODY } = NotebookEntry.columns
export const SESSION = new Uint8Array(8).fill(1)

/** A certified device that writes into the note `e1` what no honest program writes: whole segments in a log of its own. */
export class HostileNotes {
  readonly #device: PairedVault
  readonly #log: { space: Uint8Array; device: Uint8Array; incarnation: Uint8Array }
  #head: Uint8Array = GENESIS_HASH
  #sequence = 0

  constructor(device: PairedVault) {
    this.#device = device
    const space = privateSpaceId(device.vault.did)
    this.#log = { space, device: device.device, incarnation: new Uint8Array(randomBytes(8)) }
  }

  get client(): number {
    return textClient(this.#log, SESSION)
  }

  says(...said: readonly { kind: Operation['kind']; columns: readonly [number, Value][] }[]): Uint8Array {
    const first = this.#sequence + 1
    const previousHash = this.#head
    const seed = new Uint8Array(randomBytes(32))
    const chain = new LogChain(this.#log)
    const operations = said.map(({ kind, columns }) => {
      this.#sequence++
      const body = encodeOperation({
        hlc: {
          ms: Date.UTC(2026, 0, 1) + this.#sequence,
          counter: 0,
          device: deviceTag(this.#log.device),
        },
        kind,
        table: NotebookEntry.number,
        key: 'e1',
        schemaVersion: 1,
        columns: new Map(columns),
      })
      this.#head = chain.hash(this.#sequence, this.#head, commitmentOf(saltOf(seed, this.#sequence), body))
      return { body }
    })
    const header = {
      ...this.#log,
      first,
      count: said.length,
      previousHash,
      membershipHead: GENESIS_HASH,
      headHash: this.#head,
    }
    const signature = sign(this.#device.keys.deviceKey, segmentMessage(header))
    return encodeShippedSegment({ ...header, signature, seed, from: first, operations })
  }

  text(update: Uint8Array): Uint8Array {
    return this.says({ kind: 'TEXT', columns: [[BODY.number, encodeTextChange(SESSION, update)]] })
  }
}
