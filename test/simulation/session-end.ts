import type { KnownMembers, SyncEffect, SyncEvent, SyncLimits, SyncState } from '../../crdt/engine.ts'
import type { Frontier, LogPosition } from '../../crdt/frontier.ts'
import { decodeFrame, encodeFrame, type Frame } from '../../crdt/sync-frames.ts'
import { type SnapshotActions, snapshotAnswer } from './session-snapshots.ts'

/** The engine under test: the real one, or one that was broken on purpose. */
export interface Engine {
  newSync(limits?: SyncLimits): SyncState
  step(state: SyncState, event: SyncEvent): { state: SyncState; effects: readonly SyncEffect[] }
}

/** What the engine works over: logs in memory, or a vault. */
export interface SyncReplica {
  readonly device: Uint8Array
  frontier(): Frontier
  members(peer: Uint8Array): KnownMembers
  saveMembers(documents: readonly Uint8Array[]): void
  isMember(device: Uint8Array): boolean
  read(
    log: LogPosition,
    maxBytes: number,
  ): { readonly segments: readonly Uint8Array[]; readonly upTo: number }
  /** Undefined if the batch is refused. */
  apply(
    batch: readonly Uint8Array[],
  ): { readonly frontier: Frontier; readonly missingBlobs: readonly Uint8Array[] } | undefined
  missingBlobs(): readonly Uint8Array[]
  readBlob(
    hash: Uint8Array,
    offset: number,
    maxBytes: number,
  ): { hash: Uint8Array; offset: number; total: number; bytes: Uint8Array }
  storeBlobPiece(hash: Uint8Array, offset: number, total: number, bytes: Uint8Array): void
  /** The peer says that it holds these durably. */
  acknowledged?(peer: Uint8Array, positions: readonly LogPosition[]): void
  /** Where devices may be away for long: what they begin again with. */
  snapshots?: SnapshotActions | undefined
  /** Both hold the same. */
  inSync?(peer: Uint8Array): void
}

export interface Totals {
  frames: number
  bytes: number
  segmentBytes: number
  inSync: number
  /** Snapshots from which a side began again. */
  installed: number
  readonly kinds: Map<string, number>
  /** Reasons of sessions that ended by themselves. */
  readonly byes: string[]
  /** Segments that were taken when what waited was as much as the credit, or more. */
  overCredit: number
}

export function newTotals(): Totals {
  return {
    frames: 0,
    bytes: 0,
    segmentBytes: 0,
    inSync: 0,
    installed: 0,
    kinds: new Map(),
    byes: [],
    overCredit: 0,
  }
}

const BEFORE_MEMBERSHIP: readonly Frame['type'][] = ['state', 'members', 'bye']

/** One side of a stream: carries out what the engine asks for, each answer when the world says so. */
export class SessionEnd {
  readonly replica: SyncReplica
  readonly peer: SyncReplica
  /** Frames sent and not delivered, in order. */
  readonly onTheWay: Uint8Array[] = []
  /** Answers the engine waits for, and news of other sessions, in no order. */
  readonly due: (() => void)[] = []
  readonly #engine: Engine
  readonly #limits: SyncLimits
  readonly #totals: Totals
  readonly #changed: (by: SessionEnd) => void
  #state: SyncState
  #held = 0
  /** As the engine was told last. */
  #peerIsMember = false
  closed = false

  constructor(options: {
    readonly engine: Engine
    readonly replica: SyncReplica
    readonly peer: SyncReplica
    readonly limits: SyncLimits
    readonly totals: Totals
    /** This side merged something: other sessions of the replica hear of it. */
    readonly changed: (by: SessionEnd) => void
  }) {
    this.#engine = options.engine
    this.replica = options.replica
    this.peer = options.peer
    this.#limits = options.limits
    this.#totals = options.totals
    this.#changed = options.changed
    this.#state = options.engine.newSync(options.limits)
  }

  get phase(): SyncState['phase'] {
    return this.#state.phase
  }

  start(): void {
    const { replica, peer } = this
    if (replica.snapshots) this.event({ type: 'floors', ...replica.snapshots.floors({}) })
    this.event({ type: 'start', frontier: replica.frontier(), members: replica.members(peer.device) })
    this.event({ type: 'missing-blobs', hashes: replica.missingBlobs() })
  }

  receive(bytes: Uint8Array): void {
    const frame = decodeFrame(bytes)
    const full = this.#held >= this.#limits.credit
    if (frame.type === 'segment') this.#held += frame.bytes.length
    this.event({ type: 'frame', frame })
    if (frame.type === 'segment' && full && !this.closed) this.#totals.overCredit++
  }

  event(event: SyncEvent): void {
    if (this.closed) return
    if (event.type === 'start' || event.type === 'members') this.#peerIsMember = event.members.peerIsMember
    const { state, effects } = this.#engine.step(this.#state, event)
    this.#state = state
    for (const effect of effects) this.#perform(effect)
  }

  /** News of a commit travels on its own and may be overtaken. */
  announceCommit(): void {
    const frontier = this.replica.frontier()
    const floors = this.replica.snapshots?.floors({})
    this.due.push(() => {
      if (floors) this.event({ type: 'floors', ...floors })
      this.event({ type: 'committed', frontier })
    })
  }

  announceMembers(): void {
    const { replica, peer, due } = this
    due.push(() => this.event({ type: 'members', members: replica.members(peer.device), news: true }))
  }

  #perform(effect: SyncEffect): void {
    const { replica, peer, due } = this
    switch (effect.type) {
      case 'send':
        this.#send(effect.frame)
        break
      case 'save-members':
        due.push(() => {
          replica.saveMembers(effect.documents)
          this.event({ type: 'members', members: replica.members(peer.device) })
          this.#changed(this)
        })
        break
      case 'read':
        this.#mayTell('read')
        due.push(() =>
          this.event({ type: 'read', log: effect.log, ...replica.read(effect.log, effect.maxBytes) }),
        )
        break
      case 'apply':
        due.push(() => this.#apply(effect.segments))
        break
      case 'read-blob':
        this.#mayTell('read-blob')
        due.push(() =>
          this.event({ type: 'blob', ...replica.readBlob(effect.hash, effect.offset, effect.maxBytes) }),
        )
        break
      case 'store-blob-piece':
        replica.storeBlobPiece(effect.hash, effect.offset, effect.total, effect.bytes)
        break
      case 'in-sync':
        this.#totals.inSync++
        replica.inSync?.(peer.device)
        break
      case 'close':
        this.closed = true
        this.#totals.byes.push(effect.reason)
        break
      case 'acknowledged':
        replica.acknowledged?.(peer.device, effect.positions)
        break
      case 'progress':
        break
      default: {
        const answer = replica.snapshots && snapshotAnswer(replica.snapshots, effect)
        if (answer) due.push(() => this.#answered(answer()))
      }
    }
  }

  #answered(event: SyncEvent): void {
    if (event.type === 'snapshot-installed') this.#totals.installed++
    this.event(event)
  }

  #apply(segments: readonly Uint8Array[]): void {
    const applied = this.replica.apply(segments)
    this.#held -= segments.reduce((sum, { length }) => sum + length, 0)
    this.event(applied ? { type: 'applied', ...applied } : { type: 'refused' })
    if (applied) this.#changed(this)
  }

  #send(frame: Frame): void {
    if (!BEFORE_MEMBERSHIP.includes(frame.type)) this.#mayTell(frame.type)
    const bytes = encodeFrame(frame)
    this.#totals.frames++
    this.#totals.bytes += bytes.length
    if (frame.type === 'segment') this.#totals.segmentBytes += frame.bytes.length
    this.#totals.kinds.set(frame.type, (this.#totals.kinds.get(frame.type) ?? 0) + 1)
    this.onTheWay.push(bytes)
  }

  #mayTell(what: string): void {
    if (!this.#peerIsMember) throw new Error(`${what} for a device that is no member`)
  }
}
