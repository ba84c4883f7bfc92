import { follows, type LiveSegment, readLiveSegment } from '../../crdt/live-segment.ts'
import { type EpochKey, openMessage } from '../../crdt/sealed-message.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { LIMITS } from '../../schema/limits.ts'
import { verify } from '../identity/ed25519.ts'
import type { Verdict } from '../network/network.ts'
import { TokenBuckets } from '../network/token-buckets.ts'
import { decodeSaid, type Said } from './announcement.ts'
import type { LiveHeads } from './live-heads.ts'

/** What a device is to this person, as this node knows it now. */
export type Standing = 'member' | 'revoked' | 'unknown'

/** Why a message was refused or let pass unused; `sync.live.<cause>` in the counters. */
export type LiveCause =
  | 'oversized'
  | 'peer-rate'
  | 'author-rate'
  | 'unopened'
  | 'malformed'
  | 'unknown-author'
  | 'revoked-author'
  | 'unknown-membership'
  | 'known'
  | 'equivocation'
  | 'signature'
  | 'chain'
  | 'old-topic'
  | 'closed'
  | 'full'
  | 'gap'

export interface Judgement {
  readonly verdict: Verdict
  readonly cause?: LiveCause
  readonly said?: Said
  /** A segment that follows what is here. */
  readonly live?: LiveSegment
  /** Something is missing here that only a comparison brings. */
  readonly fetch?: boolean
}

export interface LiveJudgeOptions {
  readonly space: Uint8Array
  readonly heads: LiveHeads
  readonly epochs: () => readonly EpochKey[]
  readonly standingOf: (device: Uint8Array) => Standing
  /** That entry of the list of devices has come here. */
  readonly knowsMembership: (head: Uint8Array) => boolean
  /** The peer id of the device's node. */
  readonly peerOf: (device: Uint8Array) => string | undefined
  readonly now: () => number
}

const NAMES = 1_000

/** Judges messages of gossip in the main thread, what costs least first; the worker checks again what it takes in. */
export class LiveJudge {
  readonly #options: LiveJudgeOptions
  readonly #peers: TokenBuckets
  readonly #authors: TokenBuckets

  constructor(options: LiveJudgeOptions) {
    this.#options = options
    const { now } = options
    this.#peers = new TokenBuckets({
      burst: LIMITS.livePeerBurst,
      perSecond: LIMITS.livePeerPerSecond,
      names: NAMES,
      now,
    })
    this.#authors = new TokenBuckets({
      burst: LIMITS.liveAuthorBurst,
      perSecond: LIMITS.liveAuthorPerSecond,
      names: NAMES,
      now,
    })
  }

  judge(topic: string, message: Uint8Array, from: string, isCurrent: boolean): Judgement {
    if (message.length > LIMITS.sealedBytes) return { verdict: 'reject', cause: 'oversized' }
    // Whoever goes on beyond the limit is cut for it: an honest device commits and passes on far less.
    if (this.#peers.take(from) > 0) return { verdict: 'reject', cause: 'peer-rate' }
    const bytes = openMessage(this.#options.epochs(), topic, message)
    if (!bytes) return { verdict: 'reject', cause: 'unopened' }
    const said = decodeSaid(bytes)
    if (!said) return { verdict: 'reject', cause: 'malformed' }
    if (said.type === 'announcement') return { verdict: 'accept', said }
    if (!isCurrent) return { verdict: 'ignore', cause: 'old-topic' }
    return this.#segment(said.bytes, from)
  }

  #segment(bytes: Uint8Array, from: string): Judgement {
    const live = read(bytes)
    if (!live || Buffer.compare(live.segment.space, this.#options.space) !== 0)
      return { verdict: 'reject', cause: 'malformed' }
    const { segment, last } = live
    const author = Buffer.from(segment.device).toString('hex')
    // A device tells half of this at most; what others say in its name is counted apart.
    const isAuthor = this.#options.peerOf(segment.device) === from
    if (this.#authors.take(isAuthor ? `${author} itself` : author, segment.operations.length) > 0)
      return { verdict: isAuthor ? 'reject' : 'ignore', cause: 'author-rate', fetch: true }
    const standing = this.#options.standingOf(segment.device)
    if (standing === 'unknown') return { verdict: 'ignore', cause: 'unknown-author', fetch: true }
    // Who passes it on may not have heard yet; the device itself is refused, and cut.
    if (standing === 'revoked')
      return {
        verdict: isAuthor ? 'reject' : 'ignore',
        cause: 'revoked-author',
      }
    if (!this.#options.knowsMembership(segment.membershipHead))
      return { verdict: 'ignore', cause: 'unknown-membership', fetch: true }
    const head = this.#options.heads.get(live.log)
    const held = head?.sequence ?? 0
    if (last === held && head && Buffer.compare(head.hash, segment.headHash) !== 0)
      return { verdict: 'ignore', cause: 'equivocation', fetch: true }
    if (last <= held) return { verdict: 'ignore', cause: 'known' }
    if (!verify(segment.device, segmentMessage(segment), segment.signature))
      return { verdict: 'reject', cause: 'signature' }
    // It is whole, and others may have what it follows.
    if (segment.from !== held + 1) return { verdict: 'accept', cause: 'gap', fetch: true }
    if (!follows(live, head)) return { verdict: 'reject', cause: 'chain' }
    return { verdict: 'accept', live, said: { type: 'segment', bytes } }
  }
}

function read(bytes: Uint8Array): LiveSegment | undefined {
  try {
    return readLiveSegment(bytes)
  } catch {
    return undefined
  }
}
