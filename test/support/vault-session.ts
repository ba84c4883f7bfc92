import { newSync, type SyncEffect, type SyncEvent, type SyncState, step } from '../../crdt/engine.ts'
import { decodeFrame, encodeFrame } from '../../crdt/sync-frames.ts'
import { runOfSegment } from '../../crdt/sync-segment-run.ts'
import { VivimError } from '../../schema/errors.ts'
import type { PairedVault } from './paired-vaults.ts'

/** How a session went. */
export interface SessionEndings {
  /** Of each side: where it stood at the end. */
  readonly phases: readonly [SyncState['phase'], SyncState['phase']]
  readonly installed: number
  /** Bytes on the wire, both ways, and the largest frame. */
  readonly bytes: number
  readonly largest: number
  readonly chunks: number
}

class End {
  readonly vault: PairedVault
  readonly out: Uint8Array[] = []
  readonly #due: (() => void)[] = []
  #peer: Uint8Array | undefined
  state = newSync()
  installed = 0

  constructor(vault: PairedVault) {
    this.vault = vault
  }

  start(peer: PairedVault): void {
    const { replica } = this.vault
    this.#peer = peer.device
    replica.seen({ device: peer.device, connected: true })
    this.event({ type: 'floors', ...replica.floors({}) })
    const members = { ...replica.members({}), peerIsMember: true }
    this.event({ type: 'start', frontier: replica.frontier({}), members })
    this.event({ type: 'missing-blobs', hashes: [...replica.missingBlobs({})] })
  }

  work(): boolean {
    const next = this.#due.shift()
    next?.()
    return next !== undefined
  }

  event(event: SyncEvent): void {
    const { state, effects } = step(this.state, event)
    this.state = state
    for (const effect of effects) this.#perform(effect)
  }

  #parted({ parted, evidence }: ReturnType<PairedVault['replica']['apply']>): void {
    if (parted.length > 0) this.event({ type: 'parted', queries: parted })
    const [first] = evidence
    if (first) this.event({ type: 'fork-segments', log: runOfSegment(first), segments: evidence })
  }

  #perform(effect: SyncEffect): void {
    const { replica } = this.vault
    const answer = (make: () => SyncEvent) =>
      this.#due.push(() => {
        let event: SyncEvent
        try {
          event = make()
        } catch (error) {
          if (!(error instanceof VivimError) || !['Corrupt', 'Forbidden'].includes(error.code)) throw error
          event = { type: 'refused' }
        }
        this.event(event)
      })
    switch (effect.type) {
      case 'send':
        this.out.push(encodeFrame(effect.frame))
        break
      case 'read':
        answer(() => ({ type: 'read', log: effect.log, ...replica.read(effect) }))
        break
      case 'apply':
        answer(() => {
          const applied = replica.apply(effect)
          const { frontier, missingBlobs, parted } = applied
          this.#due.push(() => this.#parted(applied))
          return { type: 'applied', frontier, missingBlobs, setAside: parted.length > 0 }
        })
        break
      case 'compare-heads':
        answer(() => ({ type: 'parted', queries: replica.compareHeads(effect) }))
        break
      case 'compare-log':
        answer(() => ({
          type: 'fork-segments',
          log: effect.query,
          segments: replica.compareLog(effect),
        }))
        break
      case 'take-fork':
        answer(() => {
          const applied = replica.apply(effect)
          this.#due.push(() => this.#parted(applied))
          return { type: 'committed', frontier: applied.frontier }
        })
        break
      case 'save-members':
        answer(() => ({
          type: 'members',
          members: { ...replica.saveMembers(effect), peerIsMember: true },
        }))
        break
      case 'make-snapshot':
        answer(() => ({ type: 'snapshot-made', ...replica.makeSnapshot({}) }))
        break
      case 'begin-snapshot':
        answer(() => ({ type: 'snapshot-begun', ...replica.beginSnapshot(effect) }))
        break
      case 'read-chunk':
        answer(() => ({ type: 'chunk-read', position: effect.position, ...replica.readChunk(effect) }))
        break
      case 'store-chunk':
        answer(() => ({ type: 'chunk-stored', ...replica.storeChunk(effect) }))
        break
      case 'install-snapshot':
        answer(() => {
          replica.installSnapshot(effect)
          this.installed++
          return { type: 'snapshot-installed' }
        })
        break
      case 'read-blob':
        answer(() => ({ type: 'blob', ...replica.readBlob(effect) }))
        break
      case 'in-sync':
        if (this.#peer) replica.inSync({ device: this.#peer })
        break
      case 'store-blob-piece':
        replica.storeBlobPiece(effect)
        break
      default:
        break
    }
  }
}

/** One stream between two real vaults, through the engine and its frames, until nothing more happens or it breaks. */
export function session(a: PairedVault, b: PairedVault, breaksAfterFrames = Infinity): SessionEndings {
  const ends = [new End(a), new End(b)] as const
  let [bytes, largest, frames, chunks] = [0, 0, 0, 0]
  ends[0].start(b)
  ends[1].start(a)
  for (let going = true; going; ) {
    going = false
    for (const [index, end] of ends.entries()) {
      const frame = end.out.shift()
      if (frame) {
        going = true
        if (++frames > breaksAfterFrames) return endings()
        bytes += frame.length
        largest = Math.max(largest, frame.length)
        const decoded = decodeFrame(frame)
        if (decoded.type === 'chunk') chunks++
        ends[1 - index]!.event({ type: 'frame', frame: decoded })
      }
      going = end.work() || going
    }
  }
  return endings()

  function endings(): SessionEndings {
    return {
      phases: [ends[0].state.phase, ends[1].state.phase],
      installed: ends[0].installed + ends[1].installed,
      bytes,
      largest,
      chunks,
    }
  }
}

/** As many sessions as it takes until both hold the same, as two devices that find each other again and again. */
export function meet(a: PairedVault, b: PairedVault): number {
  let installed = 0
  for (let round = 0; round < 6; round++) {
    const { phases, installed: now } = session(a, b)
    installed += now
    if (phases[0] === 'in-sync' && phases[1] === 'in-sync') return installed
  }
  throw new Error('they do not come to hold the same')
}
