import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'

/** What a device says over gossip. */
export type Said =
  /** That it has changed, or that it is there. A hint; nothing is taken from it. */
  | {
      readonly type: 'announcement'
      /** Digest of its frontier, 32 bytes. */
      readonly frontier: Uint8Array
      /** Milliseconds UTC; makes each one different. */
      readonly at: number
    }
  /** What it has just committed, as `encodeShippedSegment` makes it. */
  | { readonly type: 'segment'; readonly bytes: Uint8Array }

const ANNOUNCEMENT = 1
const SEGMENT = 2

export function encodeSaid(said: Said): Uint8Array {
  if (said.type === 'segment') return encodeCanonical([SEGMENT, said.bytes])
  return encodeCanonical([ANNOUNCEMENT, said.frontier, said.at])
}

/** Undefined for anything else. What a segment holds is not looked at. */
export function decodeSaid(bytes: Uint8Array): Said | undefined {
  const parts = tryDecodeArray(bytes)
  if (!parts) return undefined
  const [kind, first, at] = parts
  if (!(first instanceof Uint8Array)) return undefined
  if (kind === SEGMENT) return parts.length === 2 ? { type: 'segment', bytes: first } : undefined
  if (kind !== ANNOUNCEMENT || parts.length !== 3 || first.length !== 32 || typeof at !== 'number')
    return undefined
  return { type: 'announcement', frontier: first, at }
}
