import {
  decodeHelloAnswer,
  decodeHelloNonce,
  decodeHelloTags,
  decodeHelloTime,
  encodeHelloAnswer,
  encodeHelloNonce,
  encodeHelloTags,
  encodeHelloTime,
  helloAnswerTag,
  helloKey,
  helloTags,
  matchTags,
} from '../../crdt/hello.ts'
import { keptEpochs } from '../../crdt/kept-epochs.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { UserKeys } from '../identity/user-keys.ts'
import type { FrameStream, Network } from '../network/network.ts'
import type { KnownDevice } from './known-devices.ts'

export const SYNC_PROTOCOL = '/vivim/sync/1'
export const SYNC_STREAM = { maxFrameBytes: LIMITS.syncFrameBytes, maxInbound: LIMITS.syncStreamsPerPeer }

type Random = (bytes: number) => Uint8Array

/** A user of this node, as far as a handshake needs them. */
export interface SpaceCandidate {
  readonly keys: UserKeys
  /** 32 bytes, once it is known. */
  readonly frontierDigest: Uint8Array | undefined
}

/** What the other side called now when it was heard, by a clock that nobody sets. */
export interface PeerTime {
  /** Milliseconds UTC. */
  readonly ms: number
  /** `performance.now()` then. */
  readonly at: number
}

/** A stream on which both have shown that they hold a key of the same space. */
export interface MatchedStream {
  readonly stream: FrameStream
  readonly time: PeerTime
}

const NONCE_BYTES = 16
const DIGEST_BYTES = 32

/**
 * Opens a stream to another device and shows that both hold a key of the same space, without naming it.
 * @throws VivimError `Unavailable` when the node there has no such device, or cannot be reached
 */
export async function proposeSpace(
  network: Network,
  device: Pick<KnownDevice, 'peerId' | 'addresses'>,
  keys: UserKeys,
  random: Random,
  now: () => number,
): Promise<MatchedStream> {
  const stream = await network.open(device, SYNC_PROTOCOL, SYNC_STREAM)
  try {
    const signal = AbortSignal.timeout(LIMITS.syncHelloMs)
    const initiatorNonce = random(NONCE_BYTES)
    await stream.send(encodeHelloNonce(initiatorNonce), signal)
    const responderNonce = decodeHelloNonce(await next(stream, signal))
    const parties = {
      keys: helloKeysOf(keys, now()),
      initiatorPeerId: network.peerId,
      responderPeerId: stream.peerId,
      initiatorNonce,
      responderNonce,
    }
    await stream.send(encodeHelloTags(helloTags({ ...parties, direction: 'initiator', pad: random })), signal)
    const { tag } = decodeHelloAnswer(await next(stream, signal))
    if (matchTags(tag, { ...parties, direction: 'responder' }) === undefined) throw stranger()
    return { stream, time: await exchangeTime(stream, now, signal) }
  } catch (error) {
    stream.abort('no common space')
    if (error instanceof VivimError) throw error
    throw new VivimError('Unavailable', 'The other node did not answer as expected.', { cause: error })
  }
}

/**
 * Answers a stream: whose space it is for, or undefined. A stranger gets bytes that look like any
 * other answer, so they learn only that a node is there.
 */
export async function answerProposal<C extends SpaceCandidate>(
  stream: FrameStream,
  ownPeerId: string,
  candidates: readonly C[],
  random: Random,
  now: () => number,
): Promise<{ readonly owner: C; readonly time: PeerTime } | undefined> {
  const signal = AbortSignal.timeout(LIMITS.syncHelloMs)
  const initiatorNonce = decodeHelloNonce(await next(stream, signal))
  const responderNonce = random(NONCE_BYTES)
  await stream.send(encodeHelloNonce(responderNonce), signal)
  const tags = decodeHelloTags(await next(stream, signal))
  const owners = candidates.flatMap((candidate) =>
    helloKeysOf(candidate.keys, now()).map((key) => ({ candidate, key })),
  )
  const parties = {
    initiatorPeerId: stream.peerId,
    responderPeerId: ownPeerId,
    initiatorNonce,
    responderNonce,
  }
  const matched = matchTags(tags, { ...parties, keys: owners.map(({ key }) => key), direction: 'initiator' })
  const owner = matched === undefined ? undefined : owners[matched]
  const tag = helloAnswerTag({ ...parties, key: owner?.key, pad: random })
  const frontier = owner?.candidate.frontierDigest ?? random(DIGEST_BYTES)
  await stream.send(encodeHelloAnswer({ tag, frontier }), signal)
  return owner && { owner: owner.candidate, time: await exchangeTime(stream, now, signal) }
}

/** Who only knows an epoch that ended long ago is met no more: its device comes back by being paired. */
function helloKeysOf({ epochs }: UserKeys, now: number): Uint8Array[] {
  return keptEpochs(epochs, now, LIMITS.oldEpochsMs).map(({ key }) => helloKey(key))
}

async function exchangeTime(stream: FrameStream, now: () => number, signal: AbortSignal): Promise<PeerTime> {
  await stream.send(encodeHelloTime(now()), signal)
  const ms = decodeHelloTime(await next(stream, signal))
  return { ms, at: performance.now() }
}

async function next(stream: FrameStream, signal: AbortSignal): Promise<Uint8Array> {
  const frame = await stream.receive(signal)
  if (!frame) throw stranger()
  return frame
}

function stranger(): VivimError {
  return new VivimError('Unavailable', 'The node there has no device of this person.')
}
