import { createHash } from 'node:crypto'
import type { Value } from '../schema/entities/index.ts'
import { type Cbor, encodeCanonical } from './cbor.ts'
import { sha256 } from './hash.ts'
import { hlcToBytes } from './hlc.ts'
import { TOMBSTONE } from './merge.ts'
import type { DeviceOfLog, RowStamps, Stamp } from './stamps.ts'

/** A row in the state digest, or an erased one: what it is called and what the digest is made of. */
export interface StateEntry {
  /** The table's number. */
  readonly table: number
  /** A row's key; of an erased one its 32-byte marker. */
  readonly key: string | Uint8Array
  /** Canonical CBOR that says all of it. */
  readonly bytes: Uint8Array
}

export interface StateRow {
  readonly table: number
  readonly key: string
  readonly stamps: RowStamps
  readonly deleted: boolean
  readonly valueAt: (column: number) => Value
  /** Its counters and texts, by column; absent where the table has none. */
  readonly shared?: readonly Cbor[]
}

/**
 * A live row gives its key and per column its stamp (clock, device, operation hash) and the hash of its value, then
 * its counters and texts; a deleted row the stamp of its tombstone.
 */
export function rowEntry(
  { table, key, stamps, deleted, valueAt, shared }: StateRow,
  deviceOf: DeviceOfLog,
): StateEntry {
  const columns = deleted ? [TOMBSTONE] : [...stamps.keys()].sort((a, b) => a - b)
  const entries = columns.map((column): Cbor => {
    const stamp = stamps.get(column)!
    const value = column === TOMBSTONE ? (deleted ? 1 : 0) : valueAt(column)
    return [column, ...stampFields(stamp, deviceOf), sha256(encodeCanonical(value))]
  })
  return {
    table,
    key,
    bytes: encodeCanonical([table, key, entries, ...(shared && !deleted ? [shared] : [])]),
  }
}

/** An erased row gives its marker. */
export function erasedEntry(table: number, marker: Uint8Array): StateEntry {
  return { table, key: marker, bytes: encodeCanonical([table, marker]) }
}

/**
 * SHA-256 over a space's entries in (table, key) order: keys compared as UTF-8 bytes, and after a table's rows its
 * erased markers in byte order. Two devices with equal digests show the same data.
 */
export class StateDigest {
  readonly #hash = createHash('sha256').update('vivim/state/1')

  add({ bytes }: StateEntry): void {
    this.#hash.update(bytes)
  }

  hex(): string {
    return this.#hash.digest('hex')
  }
}

function stampFields(stamp: Stamp, deviceOf: DeviceOfLog): [Uint8Array, Uint8Array, Uint8Array] {
  const { tag, device } = deviceOf(stamp.log)
  return [hlcToBytes({ ...stamp, device: tag }), device, stamp.hash]
}
