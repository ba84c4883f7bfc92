import type { ClockState } from './hlc.ts'

/** When a column was written, by which log, by which operation: what decides between two writes. */
export interface Stamp extends ClockState {
  /** This database's number of the writing log. */
  readonly log: number
  /** First 8 bytes of the operation's hash. */
  readonly hash: Uint8Array
}

/** Column number → stamp. Column 0 is the tombstone. */
export type RowStamps = Map<number, Stamp>

/** Device public key of a log, by this database's number. */
export type DeviceOfLog = (log: number) => { readonly tag: Uint8Array; readonly device: Uint8Array }

/** Total order of writes: (milliseconds, counter, device tag), device, operation hash. */
export function compareStamps(a: Stamp, b: Stamp, deviceOf: DeviceOfLog): number {
  const byTime = a.ms - b.ms || a.counter - b.counter
  if (byTime !== 0) return byTime
  if (a.log !== b.log) {
    const [deviceA, deviceB] = [deviceOf(a.log), deviceOf(b.log)]
    const byDevice =
      Buffer.compare(deviceA.tag, deviceB.tag) || Buffer.compare(deviceA.device, deviceB.device)
    if (byDevice !== 0) return byDevice
  }
  return Buffer.compare(a.hash, b.hash)
}

const GROUP_HEADER = 21

/**
 * Packs a row's stamps: per distinct stamp 6 bytes ms, 2 counter, 4 log, 8 hash, 1 count, then its columns.
 * A freshly inserted row has one group, so its clock costs 21 bytes and one per column.
 */
export function packStamps(stamps: RowStamps): Uint8Array {
  const groups = new Map<Stamp, number[]>()
  for (const [column, stamp] of stamps) {
    const group = groups.get(stamp)
    if (group) group.push(column)
    else groups.set(stamp, [column])
  }
  const bytes = new Uint8Array(groups.size * GROUP_HEADER + stamps.size)
  let at = 0
  for (const [stamp, columns] of groups) at = writeGroup(bytes, at, stamp, columns)
  return bytes
}

/** The same of columns that one operation wrote. */
export function packStamp(stamp: Stamp, columns: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(GROUP_HEADER + columns.length)
  writeGroup(bytes, 0, stamp, columns)
  return bytes
}

function writeGroup(bytes: Uint8Array, at: number, stamp: Stamp, columns: readonly number[]): number {
  writeInteger(bytes, at, 6, stamp.ms)
  writeInteger(bytes, at + 6, 2, stamp.counter)
  writeInteger(bytes, at + 8, 4, stamp.log)
  bytes.set(stamp.hash, at + 12)
  bytes[at + 20] = columns.length
  bytes.set(columns, at + GROUP_HEADER)
  return at + GROUP_HEADER + columns.length
}

/** Big-endian. By hand: each row has a clock, and a DataView for it costs more than its bytes. */
function writeInteger(bytes: Uint8Array, at: number, size: number, value: number): void {
  for (let index = at + size - 1, rest = value; index >= at; index--) {
    bytes[index] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

export function unpackStamps(bytes: Uint8Array): RowStamps {
  const stamps: RowStamps = new Map()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  while (at + GROUP_HEADER <= bytes.length) {
    const stamp: Stamp = {
      ms: view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2),
      counter: view.getUint16(at + 6),
      log: view.getUint32(at + 8),
      hash: bytes.slice(at + 12, at + 20),
    }
    const count = bytes[at + 20]!
    for (const column of bytes.subarray(at + GROUP_HEADER, at + GROUP_HEADER + count))
      stamps.set(column, stamp)
    at += GROUP_HEADER + count
  }
  return stamps
}
