import { createHmac, hkdfSync } from 'node:crypto'
import { type Cbor, encodeCanonical } from './cbor.ts'
import { secretKey } from './secret-key.ts'
import { bytesOf, fieldsOf, integerOf, readFrameArray } from './sync-fields.ts'

/**
 * How two devices find out, before anything else, that they hold a key of the same space, and how a stranger learns
 * nothing. Four flights: nonce, nonce, the initiator's tags, the responder's answer; after a match each tells its time
 * of day. A tag is an HMAC under a key both
 * hold, over who speaks to whom and both nonces: it can be made for no other connection and says nothing to others.
 */
export interface HelloParties {
  /** Peer ids in their text form. */
  readonly initiatorPeerId: string
  readonly responderPeerId: string
  /** 16 bytes each. */
  readonly initiatorNonce: Uint8Array
  readonly responderNonce: Uint8Array
}

/** Who made the tag: an echo of it is not an answer. */
export type HelloDirection = 'initiator' | 'responder'

/** Random bytes. */
export type Pad = (bytes: number) => Uint8Array

export interface HelloAnswer {
  /** One tag of 8 bytes: of the key that matched, or random. */
  readonly tag: Uint8Array
  /** 32 bytes: the responder's `frontierDigest`, or random. */
  readonly frontier: Uint8Array
}

const TAG_BYTES = 8
const NONCE_BYTES = 16
const DIGEST_BYTES = 32
const FLIGHT_BYTES_MAX = 16 * 1024
/** How many tags are sent: a count says roughly, not exactly, how many keys there are. */
const TAG_COUNTS: readonly number[] = [16, 64, 256, 1024]
const NONCE_FLIGHT = 1
const TAGS_FLIGHT = 2
const TIME_FLIGHT = 3
/** What a stamp has room for. */
const MS_MAX = 2 ** 48 - 1

/** The key tags are made with, from the key of an epoch: 32 bytes. It opens nothing else. */
export function helloKey(epochKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secretKey(epochKey), '', 'vivim/hello/1', 32))
}

/**
 * One tag of 8 bytes for each key, and random ones up to 16, 64, 256 or 1,024, in the order of their bytes.
 * @throws RangeError for more than 1,024 keys
 */
export function helloTags({
  keys,
  direction,
  pad,
  ...parties
}: HelloParties & {
  readonly keys: readonly Uint8Array[]
  readonly direction: HelloDirection
  readonly pad: Pad
}): Uint8Array {
  const count = TAG_COUNTS.find((size) => size >= keys.length)
  if (count === undefined) throw new RangeError('more keys than tags fit a flight')
  const made = keys.map((key) => tagOf(key, direction, parties))
  const random = pad((count - keys.length) * TAG_BYTES)
  return Buffer.concat([...made, ...tagsIn(random)].sort(Buffer.compare))
}

/** The responder's tag, of the key that matched; random if none did. */
export function helloAnswerTag({
  key,
  pad,
  ...parties
}: HelloParties & { readonly key: Uint8Array | undefined; readonly pad: Pad }): Uint8Array {
  // Both are made, so that an answer to nobody takes as long as one to a friend.
  const random = pad(TAG_BYTES)
  const made = tagOf(key ?? NO_KEY, 'responder', parties)
  return key ? made : random
}

/**
 * The index of the first key one of the tags was made with; undefined if there is none. `direction` is that of
 * whoever sent the tags. All keys are tried, whatever matches.
 */
export function matchTags(
  tags: Uint8Array,
  {
    keys,
    direction,
    ...parties
  }: HelloParties & { readonly keys: readonly Uint8Array[]; readonly direction: HelloDirection },
): number | undefined {
  const sent = new Set(tagsIn(tags).map(hex))
  const matches = keys.map((key) => sent.has(hex(tagOf(key, direction, parties))))
  const index = matches.indexOf(true)
  return index === -1 ? undefined : index
}

/** First flight of either side: [1, nonce]. */
export function encodeHelloNonce(nonce: Uint8Array): Uint8Array {
  return encodeCanonical([NONCE_FLIGHT, bytesOf(nonce, NONCE_BYTES)])
}

/** @throws on anything but the canonical form */
export function decodeHelloNonce(flight: Uint8Array): Uint8Array {
  const [nonce] = readFlight(flight, NONCE_FLIGHT, 1)
  return bytesOf(nonce, NONCE_BYTES)
}

/** The initiator's second flight: [2, tags]. */
export function encodeHelloTags(tags: Uint8Array): Uint8Array {
  return encodeCanonical([TAGS_FLIGHT, sizedTags(tags)])
}

/** @throws on anything but the canonical form of 16, 64, 256 or 1,024 tags */
export function decodeHelloTags(flight: Uint8Array): Uint8Array {
  const [tags] = readFlight(flight, TAGS_FLIGHT, 1)
  return sizedTags(tags)
}

/** The responder's second flight: [2, tag, frontier]. */
export function encodeHelloAnswer({ tag, frontier }: HelloAnswer): Uint8Array {
  return encodeCanonical([TAGS_FLIGHT, bytesOf(tag, TAG_BYTES), bytesOf(frontier, DIGEST_BYTES)])
}

/** @throws on anything but the canonical form */
export function decodeHelloAnswer(flight: Uint8Array): HelloAnswer {
  const [tag, frontier] = readFlight(flight, TAGS_FLIGHT, 2)
  return { tag: bytesOf(tag, TAG_BYTES), frontier: bytesOf(frontier, DIGEST_BYTES) }
}

/** The third flight of either side, once they match: [3, milliseconds UTC]. */
export function encodeHelloTime(ms: number): Uint8Array {
  return encodeCanonical([TIME_FLIGHT, integerOf(ms, 0, MS_MAX)])
}

/** @throws on anything but the canonical form */
export function decodeHelloTime(flight: Uint8Array): number {
  const [ms] = readFlight(flight, TIME_FLIGHT, 1)
  return integerOf(ms, 0, MS_MAX)
}

const NO_KEY = new Uint8Array(32)

function tagOf(key: Uint8Array, direction: HelloDirection, parties: HelloParties): Uint8Array {
  const { initiatorPeerId, responderPeerId, initiatorNonce, responderNonce } = parties
  const said = encodeCanonical([
    'vivim/hello/1',
    direction,
    initiatorPeerId,
    responderPeerId,
    bytesOf(initiatorNonce, NONCE_BYTES),
    bytesOf(responderNonce, NONCE_BYTES),
  ])
  return createHmac('sha256', secretKey(key)).update(said).digest().subarray(0, TAG_BYTES)
}

function tagsIn(bytes: Uint8Array): Uint8Array[] {
  const count = Math.floor(bytes.length / TAG_BYTES)
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * TAG_BYTES, (index + 1) * TAG_BYTES),
  )
}

function sizedTags(value: Cbor | undefined): Uint8Array {
  const tags = bytesOf(value, TAG_BYTES, TAG_BYTES * Math.max(...TAG_COUNTS))
  if (!TAG_COUNTS.includes(tags.length / TAG_BYTES)) throw new Error('another number of tags')
  return tags
}

function readFlight(flight: Uint8Array, number: number, fields: number): readonly Cbor[] {
  const [first, ...rest] = readFrameArray(flight, FLIGHT_BYTES_MAX)
  if (first !== number) throw new Error('another flight')
  return fieldsOf(rest, fields)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
