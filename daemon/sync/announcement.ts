import { encodeCanonical, tryDecodeArray } from '../../crdt/cbor.ts'

/** What a device says over gossip: that it has changed, or that it is there. A hint; nothing is taken from it. */
export interface Announcement {
  /** Digest of its frontier, 32 bytes. */
  readonly frontier: Uint8Array
  /** Milliseconds UTC; makes each one different. */
  readonly at: number
}

const VERSION = 1

export function encodeAnnouncement({ frontier, at }: Announcement): Uint8Array {
  return encodeCanonical([VERSION, frontier, at])
}

export function decodeAnnouncement(bytes: Uint8Array): Announcement | undefined {
  const parts = tryDecodeArray(bytes)
  if (parts?.length !== 3 || parts[0] !== VERSION) return undefined
  const [, frontier, at] = parts
  if (!(frontier instanceof Uint8Array) || frontier.length !== 32 || typeof at !== 'number') return undefined
  return { frontier, at }
}
