import { type Cbor, encodeCanonical } from '../../crdt/cbor.ts'
import { deviceTag } from '../../crdt/device.ts'
import { hlcToBytes } from '../../crdt/hlc.ts'
import { GENESIS_HASH, LogChain } from '../../crdt/log.ts'
import { commitmentOf, saltOf } from '../../crdt/operation.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { sign } from '../../daemon/identity/ed25519.ts'
import { makeRevocation } from '../../daemon/identity/revocation.ts'
import type { PairedVault, PairedVaults } from './paired-vaults.ts'

/** A log that the holder of a device's key writes by hand: everything is well signed, and nothing else is certain. */
export class StolenDevice {
  /** Of the last stamp, milliseconds UTC. */
  ms: number
  readonly #chain: LogChain
  readonly #id: { readonly space: Uint8Array; readonly device: Uint8Array; readonly incarnation: Uint8Array }
  readonly #vault: PairedVault
  readonly #bodies: Uint8Array[] = []
  readonly #hashes: Uint8Array[] = [GENESIS_HASH]

  constructor(vault: PairedVault, incarnation: number, ms: number) {
    this.ms = ms
    this.#vault = vault
    const name = Buffer.alloc(8, 7)
    name.writeUInt32BE(incarnation)
    this.#id = {
      space: privateSpaceId(vault.keys.did),
      device: vault.device,
      incarnation: new Uint8Array(name),
    }
    this.#chain = new LogChain(this.#id)
  }

  get length(): number {
    return this.#bodies.length
  }

  /** Whatever these parts are, after a stamp. */
  operation(...parts: readonly Cbor[]): Uint8Array {
    this.ms++
    const stamp = hlcToBytes({ ms: this.ms, counter: 0, device: deviceTag(this.#vault.device) })
    return encodeCanonical([stamp, ...parts])
  }

  append(bodies: readonly Uint8Array[], seed: Uint8Array = SEED): void {
    for (const body of bodies) {
      const sequence = this.#bodies.push(body)
      const commitment = commitmentOf(saltOf(seed, sequence), body)
      this.#hashes.push(this.#chain.hash(sequence, this.#hashes[sequence - 1]!, commitment))
    }
  }

  /** What was appended, under one signature, or the end of it. */
  segment(
    first: number,
    last: number,
    { from = first, seed = SEED }: { from?: number; seed?: Uint8Array } = {},
  ): Uint8Array {
    const header = {
      ...this.#id,
      first,
      count: last - first + 1,
      previousHash: this.#hashes[first - 1]!,
      membershipHead: GENESIS_HASH,
      headHash: this.#hashes[last]!,
    }
    return encodeShippedSegment({
      ...header,
      signature: sign(this.#vault.keys.deviceKey, segmentMessage(header)),
      seed,
      from,
      operations: this.#bodies.slice(from - 1, last).map((body) => ({ body })),
    })
  }

  /** These operations, appended and signed. */
  write(bodies: readonly Uint8Array[]): Uint8Array {
    const first = this.#bodies.length + 1
    this.append(bodies)
    return this.segment(first, this.#bodies.length)
  }
}

const SEED = new Uint8Array(32).fill(1)

/** One device takes another out, with what it has of its logs as the cut-offs. */
export function revoke({ rootKey }: PairedVaults, by: PairedVault, lost: PairedVault): void {
  const { documents, excluded } = by.replica.members({})
  const revocation = makeRevocation({
    rootKey,
    keys: by.keys,
    deviceDid: lost.deviceDid,
    documents,
    excluded,
    frontier: by.replica.frontier({}),
    now: by.time,
    random: (length) => new Uint8Array(length).fill(3),
  })
  by.replica.saveMembers({ documents: revocation.documents })
}

/** What one device knows of who belongs to them. */
export function tellMembers(from: PairedVault, to: PairedVault): void {
  to.replica.saveMembers({ documents: from.replica.members({}).documents })
}
