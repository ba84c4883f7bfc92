import { createHmac, hkdfSync } from 'node:crypto'
import { type Cbor, encodeCanonical } from './cbor.ts'
import { bytesOf, fieldsOf, readFrameArray } from './sync-fields.ts'

/**
 * How two devices find out, before anything else, that they hold a key of the same space, and how a stranger learns
 * nothing. Four flights: nonce, nonce, the initiator's tags, the responder's tag. A tag is an HMAC under a key both
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

export const HELLO_NONCE_BYTES = 16
const TAG_BYTES = 8
const FLIGHT_BYTES_MAX = 16 * 1024
/** How many tags an initiator sends: a count says roughly, not exactly, how many keys there are. */
const TAG_COUNTS: readonly number[] = [16, 64, 256, 1024]
/** The responder answers for the key that matched, or for none: both are one tag. */
const ANSWER_TAGS = 1
const NONCE_FLIGHT = 1
const TAGS_FLIGHT = 2

/** The key tags are made with, from the key of an epoch: 32 bytes. It opens nothing else. */
export function helloKey(epochKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', epochKey, '', 'vivim/hello/1', 32))
}

/**
 * Tags of 8 bytes in the order of their bytes: an initiator's are one for each key and random ones up to 16, 64, 256
 * or 1,024; a responder's is that of the one key that matched, or random.
 * @throws RangeError for more keys than that
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
  const counts = direction === 'initiator' ? TAG_COUNTS : [ANSWER_TAGS]
  const count = counts.find((size) => size >= keys.length)
  if (count === undefined) throw new RangeError('more keys than tags fit a flight')
  // One more is made and dropped, so that an answer to nobody takes as long as one to a friend.
  const made = [...keys, NO_KEY].map((key) => tagOf(key, direction, parties)).slice(0, keys.length)
  const random = pad((count - keys.length) * TAG_BYTES)
  return Buffer.concat([...made, ...tagsIn(random)].sort(Buffer.compare))
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
export function encodeHello(nonce: Uint8Array): Uint8Array {
  return encodeCanonical([NONCE_FLIGHT, bytesOf(nonce, HELLO_NONCE_BYTES)])
}

/** Answers the nonce. @throws on anything but the canonical form */
export function decodeHello(flight: Uint8Array): Uint8Array {
  const [nonce] = readFlight(flight, NONCE_FLIGHT)
  return bytesOf(nonce, HELLO_NONCE_BYTES)
}

/** Second flight of either side: [2, tags]. */
export function encodeHelloTags(tags: Uint8Array): Uint8Array {
  return encodeCanonical([TAGS_FLIGHT, sizedTags(tags)])
}

/** Answers the tags. @throws on anything but the canonical form of 1, 16, 64, 256 or 1,024 of them */
export function decodeHelloTags(flight: Uint8Array): Uint8Array {
  const [tags] = readFlight(flight, TAGS_FLIGHT)
  return sizedTags(tags)
}

const NO_KEY = new Uint8Array(32)

function tagOf(key: Uint8Array, direction: HelloDirection, parties: HelloParties): Uint8Array {
  const { initiatorPeerId, responderPeerId, initiatorNonce, responderNonce } = parties
  const said = encodeCanonical([
    'vivim/hello/1',
    direction,
    initiatorPeerId,
    responderPeerId,
    bytesOf(initiatorNonce, HELLO_NONCE_BYTES),
    bytesOf(responderNonce, HELLO_NONCE_BYTES),
  ])
  return createHmac('sha256', key).update(said).digest().subarray(0, TAG_BYTES)
}

function tagsIn(bytes: Uint8Array): Uint8Array[] {
  const count = Math.floor(bytes.length / TAG_BYTES)
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * TAG_BYTES, (index + 1) * TAG_BYTES),
  )
}

function sizedTags(value: Cbor | undefined): Uint8Array {
  const tags = bytesOf(value, TAG_BYTES, TAG_BYTES * Math.max(...TAG_COUNTS))
  if (![ANSWER_TAGS, ...TAG_COUNTS].includes(tags.length / TAG_BYTES))
    throw new Error('another number of tags')
  return tags
}

function readFlight(flight: Uint8Array, number: number): readonly Cbor[] {
  const [first, ...rest] = readFrameArray(flight, FLIGHT_BYTES_MAX)
  if (first !== number) throw new Error('another flight')
  return fieldsOf(rest, 1)
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
