import { type Cbor, decodeCanonical, encodeCanonical } from './cbor.ts'
import type { LogHead, LogPosition } from './frontier.ts'
import { booleanOf, bytesOf, fieldsOf, integerOf, listOf } from './sync-fields.ts'

/** Below this position a log no longer tells everything. */
export interface LogFloor extends LogPosition {
  /** Nothing after it counts: its device was away too long, and goes on in another log. */
  readonly closed: boolean
}

/** The last position of a log that counts when a floor is laid. */
export interface FloorPosition extends LogHead {
  readonly closed: boolean
}

/** What devices agree on before they forget deletions. */
export interface FloorTerms {
  readonly positions: readonly FloorPosition[]
  /** Public keys of the devices that have to keep to it before it holds. */
  readonly devices: readonly Uint8Array[]
}

/** Canonical CBOR [[[device, incarnation, sequence, hash, closed]…], [device…]], both in byte order. */
export function encodeFloorTerms({ positions, devices }: FloorTerms): Uint8Array {
  return encodeCanonical([sortedPositions(positions).map(positionFields), [...devices].sort(Buffer.compare)])
}

/** Undefined for anything else. */
export function decodeFloorTerms(bytes: Uint8Array): FloorTerms | undefined {
  try {
    const [positions, devices] = fieldsOf(decodeCanonical(bytes), 2)
    return {
      positions: listOf(positions, 0, MANY).map(readPosition),
      devices: listOf(devices, 1, MANY).map((device) => bytesOf(device, 32)),
    }
  } catch {
    return undefined
  }
}

/** Logs in the order of their names' bytes. */
export function sortedPositions<T extends LogPosition>(positions: readonly T[]): T[] {
  return [...positions].sort(
    (a, b) => Buffer.compare(a.device, b.device) || Buffer.compare(a.incarnation, b.incarnation),
  )
}

export function positionFields({ device, incarnation, sequence, hash, closed }: FloorPosition): Cbor[] {
  return [device, incarnation, sequence, hash, closed]
}

/** @throws on anything but the fields of a position */
export function readPosition(item: Cbor): FloorPosition {
  const [device, incarnation, sequence, hash, closed] = fieldsOf(item, 5)
  return {
    device: bytesOf(device, 32),
    incarnation: bytesOf(incarnation, 8),
    sequence: integerOf(sequence, 0),
    hash: bytesOf(hash, 32),
    closed: booleanOf(closed),
  }
}

const MANY = 4_096
