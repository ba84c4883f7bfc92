import { HLC_BYTES } from './hlc.ts'

const MAJOR = { unsigned: 0, bytes: 2, text: 3, array: 4 } as const

/** What the first parts of an encoded operation say. */
export interface OperationHead {
  /** As on the wire: it may be of a newer program. */
  readonly kind: number
  readonly table: number
  /** Text for a row, bytes for a marker; undefined for anything else, and for one that does not end here. */
  readonly key: string | Uint8Array | undefined
}

/**
 * Reads the beginning of an encoded operation: the header of its array, stamp, kind, table and key. Undefined where
 * these are not what this program writes: a newer program, or a hostile one, may have put anything there. Never throws.
 */
export function readHead(body: Uint8Array): OperationHead | undefined {
  const cursor = { at: 0 }
  if (argumentOf(body, cursor, MAJOR.array) === undefined) return undefined
  if (argumentOf(body, cursor, MAJOR.bytes) !== HLC_BYTES) return undefined
  cursor.at += HLC_BYTES
  const kind = argumentOf(body, cursor, MAJOR.unsigned)
  const table = kind === undefined ? undefined : argumentOf(body, cursor, MAJOR.unsigned)
  if (kind === undefined || table === undefined) return undefined
  return { kind, table, key: keyAt(body, cursor) }
}

function keyAt(body: Uint8Array, cursor: { at: number }): string | Uint8Array | undefined {
  const isText = (body[cursor.at] ?? 0) >> 5 === MAJOR.text
  const length = argumentOf(body, cursor, isText ? MAJOR.text : MAJOR.bytes)
  if (length === undefined || cursor.at + length > body.length) return undefined
  const key = body.subarray(cursor.at, cursor.at + length)
  return isText ? Buffer.from(key).toString('utf8') : key
}

/** The argument of the head at a place, which is left behind it; undefined unless it is there and of that type. */
function argumentOf(body: Uint8Array, cursor: { at: number }, major: number): number | undefined {
  const first = body[cursor.at++]
  if (first === undefined || first >> 5 !== major) return undefined
  const info = first & 31
  if (info < 24) return info
  if (info > 27) return undefined
  let value = 0
  for (let left = 1 << (info - 24); left > 0; left--) {
    const byte = body[cursor.at++]
    if (byte === undefined) return undefined
    value = value * 256 + byte
  }
  return value
}
