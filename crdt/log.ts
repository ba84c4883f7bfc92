import { type Cbor, encodeCanonical, HEAD_BYTES_MAX, writeHead } from './cbor.ts'
import { sha256 } from './hash.ts'

/** Who writes a log: one device's run of operations in one space. */
export interface LogId {
  /** 32 bytes. */
  readonly space: Uint8Array
  /** The device's Ed25519 public key, 32 bytes. */
  readonly device: Uint8Array
  /** 8 random bytes; a new one after a restore or a fork. */
  readonly incarnation: Uint8Array
}

/** What stands before the first operation: 32 zero bytes. */
export const GENESIS_HASH: Uint8Array = new Uint8Array(32)

/**
 * Hashes a log's operations one after the other:
 * SHA-256 of CBOR ['vivim/operation/1', space, device, incarnation, sequence, previous hash, commitment].
 */
export class LogChain {
  /** The parts that never change are encoded once, and one buffer serves every operation of the log. */
  readonly #bytes: Buffer
  readonly #fixed: number

  constructor({ space, device, incarnation }: LogId) {
    const parts: Cbor[] = ['vivim/operation/1', space, device, incarnation]
    // The array header says 7 parts.
    const prefix = Buffer.concat([Uint8Array.of(0x87), ...parts.map(encodeCanonical)])
    this.#fixed = prefix.length
    this.#bytes = Buffer.concat([prefix, Buffer.alloc(HEAD_BYTES_MAX + 2 * (BYTES_32.length + 32))])
  }

  hash(sequence: number, previous: Uint8Array, commitment: Uint8Array): Uint8Array {
    const bytes = this.#bytes
    let at = writeHead(bytes, this.#fixed, sequence)
    for (const part of [previous, commitment]) {
      bytes.set(BYTES_32, at)
      bytes.set(part, at + BYTES_32.length)
      at += BYTES_32.length + part.length
    }
    return sha256(bytes.subarray(0, at))
  }
}

/** CBOR header of a 32-byte string. */
const BYTES_32 = Uint8Array.of(0x58, 32)
