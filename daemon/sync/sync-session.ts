import type { SyncEffect, SyncEvent, SyncState } from '../../crdt/engine.ts'
import { newSync, step } from '../../crdt/engine.ts'
import type { Frontier } from '../../crdt/frontier.ts'
import { type ByeReason, decodeFrame, encodeFrame, type Frame } from '../../crdt/sync-frames.ts'
import { runOfSegment } from '../../crdt/sync-segment-run.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { FrameStream } from '../network/network.ts'
import type { ReplicaAction, ReplicaActions, ReplicaMembers } from '../vault/replica.ts'
import type { PeerTime } from './handshake.ts'
import { type Audited, SessionAudits } from './session-audits.ts'

/** Asks a user's vault; opens their worker if need be. */
export type Replicate = <A extends ReplicaAction>(
  action: A,
  params: Parameters<ReplicaActions[A]>[0],
) => Promise<Awaited<ReturnType<ReplicaActions[A]>>>

/** The same of a database that is open anyway, without keeping it open; undefined when it is not. Never throws. */
export type ReplicateIfOpen = <A extends ReplicaAction>(
  action: A,
  params: Parameters<ReplicaActions[A]>[0],
) => Promise<Awaited<ReturnType<ReplicaActions[A]>> | undefined>

/** The device at the other end, once it has shown that it is one of the same person's. */
export interface PeerDevice {
  /** Ed25519 public key. */
  readonly device: Uint8Array
  readonly deviceDid: string
}

export interface SyncTotals {
  /** Operations taken in here, and sent, in the round that ended. */
  readonly applied: number
  readonly sent: number
}

export interface SyncSessionOptions {
  readonly stream: FrameStream
  /** What the other side called now. */
  readonly time: PeerTime
  /** Peer id of the side that opened the stream. */
  readonly initiator: string
  readonly replicate: Replicate
  /** The certified device that this peer id belongs to, if any. Called with every change of members. */
  readonly deviceOf: (members: ReplicaMembers, peerId: string) => PeerDevice | undefined
  /** What of the members' documents that peer may be told; called after `deviceOf`. */
  readonly documentsFor: (members: ReplicaMembers, peerId: string) => readonly Uint8Array[]
  readonly log: {
    info(details: object, message: string): void
    warn(details: object, message: string): void
  }
  readonly onDevice: (session: SyncSession, device: PeerDevice) => void
  /** Answers whether another frame may come now. */
  readonly mayCome: () => boolean
  /** It ends by the fault of the other side. */
  readonly onBreach: () => void
  /** A fork was found: every session of this space is to begin anew. */
  readonly onForked: () => void
  readonly onMembers: (members: ReplicaMembers) => void
  readonly count?: (name: string, by: number) => void
  readonly onInSync: (session: SyncSession, totals: SyncTotals) => void
  readonly onAudited: (session: SyncSession, audited: Audited) => void
}

/** One stream between two devices of a person: gives the state machine its events and does what it asks for. */
export class SyncSession {
  readonly initiator: string
  readonly #options: SyncSessionOptions
  readonly #waiting = new Set<{ resolve(totals: SyncTotals): void; reject(error: unknown): void }>()
  readonly #audits: SessionAudits
  #state: SyncState = newSync()
  #sending: Promise<void> = Promise.resolve()
  #storing: Promise<unknown> = Promise.resolve()
  #lacksBlobs = false
  #failed = false
  #device: PeerDevice | undefined
  #ended: ByeReason | undefined
  readonly #over = new AbortController()

  constructor(options: SyncSessionOptions) {
    this.#options = options
    this.initiator = options.initiator
    this.#audits = new SessionAudits({
      replicate: options.replicate,
      event: (event) => this.#event(event),
      device: () => this.#device,
      onAudited: (audited) => options.onAudited(this, audited),
    })
  }

  get peerId(): string {
    return this.#options.stream.peerId
  }

  /** What the other side calls now, milliseconds UTC, if nobody has set its clock since. */
  get peerTime(): number {
    const { ms, at } = this.#options.time
    return Math.round(ms + performance.now() - at)
  }

  get device(): PeerDevice | undefined {
    return this.#device
  }

  get ended(): boolean {
    return this.#ended !== undefined
  }

  /** Why it ended. */
  get reason(): ByeReason | undefined {
    return this.#ended
  }

  /** Runs until the stream ends; answers why. */
  async run(): Promise<ByeReason> {
    const { stream, replicate } = this.#options
    try {
      const [frontier, members, floors] = await Promise.all([
        replicate('frontier', {}),
        replicate('members', {}),
        replicate('floors', {}),
      ])
      this.#event({ type: 'floors', ...floors })
      this.#event({ type: 'start', frontier, members: this.#known(members) })
      this.#askForBlobs()
      // Whoever holds the key and shows no certificate in time is nobody's device.
      const unknown = setTimeout(() => {
        if (!this.#device) this.close('not-a-device')
      }, LIMITS.syncHelloMs)
      this.#over.signal.addEventListener('abort', () => clearTimeout(unknown), { once: true })
      for (;;) {
        const bytes = await this.#receive(stream)
        if (!bytes || this.ended) break
        if (!this.#options.mayCome()) this.close('protocol')
        this.#frame(bytes)
        // Pieces of blobs would pile up before a slow disk.
        await this.#storing
      }
      this.#end('closing')
    } catch (error) {
      this.#fail(error)
    }
    await this.#sending.catch(() => {})
    await stream.close()
    return this.#ended ?? 'closing'
  }

  /** A device that says nothing although it should is given up; one that agrees may be silent. */
  async #receive(stream: FrameStream): Promise<Uint8Array | undefined> {
    for (;;) {
      const silence = AbortSignal.timeout(LIMITS.syncSilenceMs)
      try {
        return await stream.receive(AbortSignal.any([this.#over.signal, silence]))
      } catch (error) {
        if (!silence.aborted || this.ended || this.#state.phase !== 'in-sync') throw error
      }
    }
  }

  /** What the other side learns by itself: it is not fetched again, and compared later. */
  told(frontier: Frontier): void {
    this.#event({ type: 'committed', frontier, told: true })
  }

  committed(frontier: Frontier): void {
    this.#event({ type: 'committed', frontier })
    // What was committed may have moved the floor; the database is open.
    this.#ask(this.#options.replicate('floors', {}), (floors) => ({ type: 'floors', ...floors }))
  }

  /** Compares with the other side, now. */
  trigger(): void {
    this.#audits.keepTime()
    this.#event({ type: 'trigger' })
  }

  /**
   * Once both hold the same, makes sure that they show the same. @throws VivimError `RateLimited` after too many,
   * `Unavailable` when the session ends before
   */
  async audit(signal: AbortSignal): Promise<Audited> {
    if (this.ended) throw gone()
    return this.#audits.ask(signal)
  }

  /** The same, when it is time for it, for nobody who waits. */
  auditLater(): void {
    this.#event({ type: 'audit', fresh: false })
  }

  /** Rows that came by another way name these blobs. */
  lacking(hashes: readonly Uint8Array[]): void {
    if (hashes.length > 0) this.#event({ type: 'missing-blobs', hashes })
  }

  /** Members came by another way. */
  members(members: ReplicaMembers): void {
    this.#event({ type: 'members', members: this.#known(members), news: true })
  }

  /** Compares, and resolves once both hold the same. @throws VivimError `Unavailable` when the session ends before */
  sync(signal: AbortSignal): Promise<SyncTotals> {
    const { promise, resolve, reject } = Promise.withResolvers<SyncTotals>()
    const waiting = { resolve, reject }
    this.#waiting.add(waiting)
    const giveUp = () => reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    else if (this.ended) reject(gone())
    else this.trigger()
    return promise.finally(() => {
      this.#waiting.delete(waiting)
      signal.removeEventListener('abort', giveUp)
    })
  }

  close(reason: ByeReason): void {
    if (this.ended) return
    this.#send(encodeFrame({ type: 'bye', reason }))
    this.#end(reason)
  }

  #event(event: SyncEvent): void {
    if (this.ended) return
    const { state, effects } = step(this.#state, event)
    this.#state = state
    if (effects.some((effect) => effect.type === 'send' && isBlame(effect.frame))) this.#options.onBreach()
    for (const effect of effects) this.#perform(effect)
  }

  #frame(bytes: Uint8Array): void {
    try {
      this.#event({ type: 'frame', frame: decodeFrame(bytes) })
    } catch {
      this.#options.onBreach()
      this.close('protocol')
    }
  }

  #perform(effect: SyncEffect): void {
    const { replicate } = this.#options
    switch (effect.type) {
      case 'send':
        this.#send(encodeFrame(effect.frame))
        break
      case 'save-members':
        this.#saveMembers(effect.documents)
        break
      case 'read':
        this.#ask(
          this.#sent(() => replicate('read', effect)),
          (read) => ({
            type: 'read',
            log: effect.log,
            ...read,
          }),
        )
        break
      case 'apply':
        this.#apply(effect.segments)
        break
      case 'read-blob':
        this.#ask(
          this.#sent(() => replicate('readBlob', effect)),
          (piece) => ({ type: 'blob', ...piece }),
        )
        break
      case 'store-blob-piece':
        this.#storing = this.#storePiece(effect)
        break
      case 'compare-heads':
        this.#ask(replicate('compareHeads', { heads: effect.heads }), (queries) => ({
          type: 'parted',
          queries,
        }))
        break
      case 'compare-log':
        this.#ask(replicate('compareLog', { query: effect.query }), (segments) => ({
          type: 'fork-segments',
          log: effect.query,
          segments,
        }))
        break
      case 'take-fork':
        this.#takeFork(effect.segments)
        break
      case 'acknowledged': {
        const device = this.#device?.device
        if (device) this.#ask(replicate('acknowledged', { device, positions: effect.positions }))
        break
      }
      case 'make-snapshot':
        this.#ask(replicate('makeSnapshot', {}), (made) => ({ type: 'snapshot-made', ...made }))
        break
      case 'read-chunk':
        this.#ask(
          this.#sent(() => replicate('readChunk', effect)),
          ({ bytes }) => ({ type: 'chunk-read', position: effect.position, bytes }),
        )
        break
      case 'begin-snapshot':
        this.#take(replicate('beginSnapshot', effect), (begun) => ({ type: 'snapshot-begun', ...begun }))
        break
      case 'store-chunk':
        this.#take(replicate('storeChunk', effect), ({ next }) => ({ type: 'chunk-stored', next }))
        break
      case 'install-snapshot':
        this.#take(replicate('installSnapshot', effect), (installed) => {
          this.#options.log.info({ ...installed }, 'this device began again from what another one holds')
          return { type: 'snapshot-installed' }
        })
        break
      case 'in-sync':
        this.#inSync(effect)
        break
      case 'close':
        this.#end(effect.reason)
        break
      case 'progress':
        break
      default:
        this.#ask(this.#audits.perform(effect))
    }
  }

  /** What was learned is kept also when the other side, having told it, has nothing more to say to this one. */
  #saveMembers(documents: readonly Uint8Array[]): void {
    const saved = this.#options.replicate('saveMembers', { documents }).then((members) => {
      this.#options.onMembers(members)
      return members
    })
    this.#ask(saved, (members) => ({ type: 'members', members: this.#known(members) }))
  }

  #apply(segments: readonly Uint8Array[]): void {
    this.#options
      .replicate('apply', { segments })
      .then((applied) => {
        const { frontier, missingBlobs, parted, passedOver } = applied
        if (passedOver > 0) this.#options.count?.('sync.logs.passed-over', passedOver)
        this.#event({ type: 'applied', frontier, missingBlobs, setAside: parted.length > 0 })
        this.#parted(applied)
      })
      .catch((error: unknown) => this.#refuse(error))
  }

  /** What the other side sent is taken in, or does not verify. */
  #take<T>(taking: Promise<T>, event: (value: T) => SyncEvent): void {
    taking.then((value) => this.#event(event(value))).catch((error: unknown) => this.#refuse(error))
  }

  /** What does not verify is the peer's fault; a full disk or a closed worker is ours. */
  #refuse(error: unknown): void {
    const theirs = error instanceof VivimError && ['Corrupt', 'Forbidden', 'TooLarge'].includes(error.code)
    if (!theirs) {
      this.#fail(error)
      return
    }
    this.#options.log.warn(
      { device: this.#device?.deviceDid, reason: error.message },
      'operations of another device were refused',
    )
    this.#event({ type: 'refused' })
  }

  /** Proof that a log was written apart, or what follows where it parts. */
  #takeFork(segments: readonly Uint8Array[]): void {
    this.#options
      .replicate('apply', { segments })
      .then((applied) => {
        if (!this.ended) this.#event({ type: 'committed', frontier: applied.frontier })
        this.#parted(applied)
      })
      .catch((error: unknown) => this.#refuse(error))
  }

  /** A log that was cut in two has other heads now: what was said of it before is void, and a new session begins. */
  #parted({ parted, evidence }: ReturnType<ReplicaActions['apply']>): void {
    if (parted.length > 0) this.#event({ type: 'parted', queries: parted })
    const [first] = evidence
    if (!first) return
    this.#event({ type: 'fork-segments', log: runOfSegment(first), segments: evidence })
    this.#options.onForked()
  }

  #askForBlobs(): void {
    this.#ask(this.#options.replicate('missingBlobs', {}), (hashes) => {
      this.#lacksBlobs = hashes.length > 0
      return { type: 'missing-blobs', hashes }
    })
  }

  /** Once a blob is whole there is room to ask for further ones. */
  async #storePiece(piece: Extract<SyncEffect, { type: 'store-blob-piece' }>): Promise<void> {
    const { replicate } = this.#options
    try {
      const { complete } = await replicate('storeBlobPiece', piece)
      if (complete) this.#event({ type: 'missing-blobs', hashes: await replicate('missingBlobs', {}) })
    } catch (error) {
      this.#fail(error)
    }
  }

  #inSync({ applied, sent }: SyncTotals): void {
    // A blob that was nowhere at the last round may have come to the other side since.
    if (applied > 0 || this.#lacksBlobs) this.#askForBlobs()
    for (const { resolve } of this.#waiting) resolve({ applied, sent })
    this.#options.onInSync(this, { applied, sent })
  }

  #known(members: ReplicaMembers) {
    const device = this.#options.deviceOf(members, this.peerId)
    if (device && !this.#device) {
      this.#device = device
      this.#options.onDevice(this, device)
    }
    const documents = this.#options.documentsFor(members, this.peerId)
    return { ...members, documents, peerIsMember: device !== undefined }
  }

  #ask<T>(answer: Promise<T>, event?: (value: T) => SyncEvent): void {
    answer
      .then((value) => {
        if (event && !this.ended) this.#event(event(value))
      })
      .catch((error: unknown) => this.#fail(error))
  }

  /** What is read waits until what was read before has gone out: memory stays bounded by what one read gives. */
  #sent<T>(read: () => Promise<T>): Promise<T> {
    return this.#sending.then(read)
  }

  #send(frame: Uint8Array): void {
    this.#sending = this.#sending.then(() => this.#options.stream.send(frame))
    this.#sending.catch((error: unknown) => this.#fail(error))
  }

  /** It ended by a failure here: a full disk, say. */
  get failed(): boolean {
    return this.#failed
  }

  #fail(error: unknown): void {
    if (this.ended) return
    this.#failed = true
    const reason = error instanceof Error ? error.message : String(error)
    this.#options.log.warn(
      { device: this.#device?.deviceDid, reason },
      'a session with another device failed',
    )
    this.close('closing')
  }

  #end(reason: ByeReason): void {
    if (this.ended) return
    this.#ended = reason
    for (const { reject } of this.#waiting) reject(gone())
    this.#audits.end(gone())
    this.#over.abort()
  }
}

/** It says that the other side broke the rules. */
function isBlame(frame: Frame): boolean {
  return frame.type === 'bye' && (frame.reason === 'protocol' || frame.reason === 'refused')
}

function gone(): VivimError {
  return new VivimError('Unavailable', 'The other device went away.')
}
