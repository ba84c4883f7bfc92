import { type Frontier, frontierDigest } from '../../crdt/frontier.ts'
import { type EpochKey, sealedLength, sealMessage } from '../../crdt/sealed-message.ts'
import { runOfSegment } from '../../crdt/sync-segment-run.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Network, Verdict } from '../network/network.ts'
import { TokenBuckets } from '../network/token-buckets.ts'
import { encodeSaid, type Said } from './announcement.ts'
import { LiveHeads } from './live-heads.ts'
import { type LiveCause, LiveJudge, type LiveJudgeOptions } from './live-judge.ts'
import type { Replicate } from './sync-session.ts'

export interface LiveUpdatesOptions extends Omit<LiveJudgeOptions, 'heads'> {
  readonly network: Pick<Network, 'running' | 'publish' | 'misbehaved'>
  /** The topic of the newest epoch, and its key. */
  readonly current: () => { readonly topic: string; readonly epoch: EpochKey } | undefined
  /** Asks the user's database if it is open now. */
  readonly openVault: () => Replicate | undefined
  readonly count: (name: string, by?: number) => void
  readonly onApplied: (frontier: Frontier, missingBlobs: readonly Uint8Array[]) => void
  /** Something may be missing here: compare with the others. */
  readonly onGap: () => void
}

/** A segment on its way into the database, and the peer it came from. */
interface Arrived {
  readonly bytes: Uint8Array
  readonly from: string
}

/**
 * Tells the other devices of a person what was committed here, and takes in at once what they commit. A hint: what is
 * lost on the way, too large or too much is found by comparing.
 */
export class LiveUpdates {
  readonly #options: LiveUpdatesOptions
  readonly #heads = new LiveHeads()
  readonly #judge: LiveJudge
  /** What this device tells: who tells more than others take is cut. */
  readonly #own: TokenBuckets
  #frontier: Frontier | undefined
  #arrived: Arrived[] = []
  #arrivedBytes = 0
  #applying = false
  #announcing: NodeJS.Timeout | undefined
  #fetching: NodeJS.Timeout | undefined
  #fetchAgain = false
  #doubting: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: LiveUpdatesOptions) {
    this.#options = options
    this.#judge = new LiveJudge({ ...options, heads: this.#heads })
    this.#own = new TokenBuckets({
      burst: LIMITS.liveAuthorBurst / 2,
      perSecond: LIMITS.liveAuthorPerSecond / 2,
      names: 1,
      now: options.now,
    })
  }

  /** What is held by now. Answers whether the others learn of it by gossip: they were told, or it came from there. */
  hold(frontier: Frontier, written: readonly Uint8Array[]): boolean {
    const told = frontier.every((head) => {
      const known = this.#heads.of(head)
      return known !== undefined && known.sequence >= head.sequence
    })
    const published = written.length > 0 && this.#publish(written)
    this.#heads.commit(frontier)
    this.#frontier = frontier
    return published || (written.length === 0 && told)
  }

  /** Says which operations are held, after a while: whoever missed the last segment of a burst hears of it. */
  announceSoon(afterMs: number): void {
    if (this.#stopped) return
    this.#announcing ??= setTimeout(() => {
      this.#announcing = undefined
      this.announce()
    }, afterMs)
  }

  announce(): void {
    if (!this.#frontier) return
    this.#say({ type: 'announcement', frontier: frontierDigest(this.#frontier), at: this.#options.now() })
  }

  hear(topic: string, message: Uint8Array, from: string, isCurrent: boolean): Verdict {
    const { verdict, cause, said, live, fetch } = this.#judge.judge(topic, message, from, isCurrent)
    if (cause) this.#count(cause)
    if (fetch) this.#fetch()
    if (said?.type === 'announcement') this.#compare(said.frontier)
    if (!live || said?.type !== 'segment') return verdict
    // Gossip opens no database. The device that wrote it says so over its session too.
    if (!this.#options.openVault()) return this.#unused('closed')
    if (this.#arrivedBytes + said.bytes.length > LIMITS.liveWaitingBytes) {
      this.#fetch()
      return this.#unused('full')
    }
    const { device, incarnation, headHash } = live.segment
    this.#heads.expect({ device, incarnation, sequence: live.last, hash: new Uint8Array(headHash) })
    this.#arrived.push({ bytes: said.bytes, from })
    this.#arrivedBytes += said.bytes.length
    void this.#apply()
    return verdict
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#announcing)
    clearTimeout(this.#doubting)
    clearTimeout(this.#fetching)
  }

  /** False when a part of it has to go another way. */
  #publish(written: readonly Uint8Array[]): boolean {
    let all = true
    for (const bytes of written) {
      const said: Said = { type: 'segment', bytes }
      const { sequence, upTo } = runOfSegment(bytes)
      if (this.#own.take('', upTo - sequence + 1) > 0) {
        this.#options.count('sync.live.too-much')
        all = false
      } else if (sealedLength(encodeSaid(said).length) > LIMITS.gossipInlineBytes) {
        this.#options.count('sync.live.too-large')
        all = false
      } else if (this.#say(said)) this.#options.count('sync.live.published')
      else all = false
    }
    return all
  }

  #say(said: Said): boolean {
    const current = this.#options.current()
    if (!this.#options.network.running || !current) return false
    this.#options.network.publish(current.topic, sealMessage(current.epoch, current.topic, encodeSaid(said)))
    return true
  }

  /** What differs now may be on its way: it is looked at again a moment later. */
  #compare(digest: Uint8Array): void {
    if (!this.#differs(digest)) return
    this.#doubting ??= setTimeout(() => {
      this.#doubting = undefined
      if (this.#stopped || !this.#differs(digest)) return
      this.#options.count('sync.announcements.news')
      this.#fetch()
    }, LIMITS.liveDoubtMs)
  }

  #differs(digest: Uint8Array): boolean {
    return this.#frontier !== undefined && Buffer.compare(digest, frontierDigest(this.#frontier)) !== 0
  }

  /** At once, and not again for a moment: many messages may show one gap. */
  #fetch(): void {
    this.#fetchAgain = this.#fetching !== undefined
    if (this.#fetching || this.#stopped) return
    this.#options.onGap()
    this.#fetching = setTimeout(() => {
      this.#fetching = undefined
      if (this.#fetchAgain) this.#fetch()
    }, LIMITS.liveFetchMs)
  }

  #unused(cause: LiveCause): Verdict {
    this.#count(cause)
    return 'ignore'
  }

  #count(cause: LiveCause): void {
    this.#options.count(`sync.live.${cause}`)
  }

  /** What arrives while a transaction runs goes into the next one together. */
  async #apply(): Promise<void> {
    if (this.#applying) return
    this.#applying = true
    while (this.#arrived.length > 0 && !this.#stopped) {
      const batch = this.#arrived
      this.#arrived = []
      this.#arrivedBytes = 0
      if (!(await this.#take(batch))) {
        this.#heads.forget()
        this.#fetch()
      }
    }
    this.#applying = false
  }

  /** All of it, or what can be taken of it one by one. Answers whether all was. */
  async #take(batch: readonly Arrived[]): Promise<boolean> {
    const replicate = this.#options.openVault()
    if (!replicate) return false
    try {
      const { frontier, operations, missingBlobs } = await replicate('apply', {
        segments: batch.map(({ bytes }) => bytes),
      })
      this.#options.count('sync.live.applied', operations)
      this.#heads.commit(frontier)
      this.#frontier = frontier
      this.#options.onApplied(frontier, missingBlobs)
      return true
    } catch (error) {
      if (!(error instanceof VivimError) || !['Corrupt', 'Forbidden', 'TooLarge'].includes(error.code))
        return false
      this.#options.count('sync.live.refused')
      const [only] = batch
      if (batch.length > 1) for (const one of batch) await this.#take([one])
      else if (only && this.#isByAuthor(only)) this.#options.network.misbehaved(only.from)
      return false
    }
  }

  #isByAuthor({ bytes, from }: Arrived): boolean {
    return this.#options.peerOf(runOfSegment(bytes).device) === from
  }
}
