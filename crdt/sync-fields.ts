import { type Cbor, decodeCanonical } from './cbor.ts'

/** Reads the array that every frame is. @throws unless it is canonical, within `maxBytes` and begins with a number */
export function readFrameArray(bytes: Uint8Array, maxBytes: number): readonly Cbor[] {
  if (bytes.length > maxBytes) throw new Error('a frame is too large')
  const parts = decodeCanonical(bytes)
  if (!isList(parts) || typeof parts[0] !== 'number') throw new Error('not a frame')
  return parts
}

/** The items of an array. @throws unless it is one of at least `min` and at most `max` items */
export function listOf(value: Cbor | undefined, min: number, max: number): readonly Cbor[] {
  if (value === undefined || !isList(value) || value.length < min || value.length > max)
    throw new Error('a list of a frame has another length')
  return value
}

/** The fields of an array of known length. @throws if it has another */
export function fieldsOf(value: Cbor | undefined, count: number): readonly Cbor[] {
  return listOf(value, count, count)
}

export function bytesOf(value: Cbor | undefined, min: number, max = min): Uint8Array {
  if (!(value instanceof Uint8Array) || value.length < min || value.length > max)
    throw new Error('a field of a frame has another length')
  return value
}

export function integerOf(
  value: Cbor | undefined,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max)
    throw new Error('a number of a frame is out of its range')
  return value
}

export function booleanOf(value: Cbor | undefined): boolean {
  if (typeof value !== 'boolean') throw new Error('a field of a frame is neither true nor false')
  return value
}

function isList(value: Cbor): value is readonly Cbor[] {
  return Array.isArray(value)
}
