import { createHash } from 'node:crypto'
import type { Value } from '../schema/entities/index.ts'
import { type Cbor, encodeCanonical } from './cbor.ts'
import { sha256 } from './hash.ts'
import { hlcToBytes } from './hlc.ts'
import { TOMBSTONE } from './merge.ts'
import type { DeviceOfLog, RowStamps, Stamp } from './stamps.ts'

/**
 * SHA-256 over a space's replicated rows in (table, key) order. A live row gives its key and per column its stamp
 * (clock, device, operation hash) and the hash of its value; a deleted row the stamp of its tombstone; an erased one
 * its marker. Two devices with equal digests show the same data.
 */
export class StateDigest {
  readonly #hash = createHash('sha256').update('vivim/state/1')
  readonly #deviceOf: DeviceOfLog

  constructor(deviceOf: DeviceOfLog) {
    this.#deviceOf = deviceOf
  }

  /** Rows come in (table, key) order, keys compared as UTF-8 bytes. */
  row(
    table: number,
    key: string,
    stamps: RowStamps,
    deleted: boolean,
    valueAt: (column: number) => Value,
  ): void {
    const columns = deleted ? [TOMBSTONE] : [...stamps.keys()].sort((a, b) => a - b)
    const entries = columns.map((column): Cbor => {
      const stamp = stamps.get(column)!
      const value = column === TOMBSTONE ? (deleted ? 1 : 0) : valueAt(column)
      return [column, ...this.#stamp(stamp), sha256(encodeCanonical(value))]
    })
    this.#hash.update(encodeCanonical([table, key, entries]))
  }

  /** After a table's rows, its erased markers in byte order. */
  erased(table: number, marker: Uint8Array): void {
    this.#hash.update(encodeCanonical([table, marker]))
  }

  hex(): string {
    return this.#hash.digest('hex')
  }

  #stamp(stamp: Stamp): [Uint8Array, Uint8Array, Uint8Array] {
    const { tag, device } = this.#deviceOf(stamp.log)
    return [hlcToBytes({ ...stamp, device: tag }), device, stamp.hash]
  }
}
