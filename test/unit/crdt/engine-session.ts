import {
  newSync,
  type SyncEffect,
  type SyncEvent,
  type SyncLimits,
  type SyncState,
  step,
} from '../../../crdt/engine.ts'
import type { Frontier, LogHead } from '../../../crdt/frontier.ts'
import { hashOf } from '../../../crdt/hash.ts'
import { encodeShippedSegment } from '../../../crdt/shipped-segment.ts'
import type { Frame } from '../../../crdt/sync-frames.ts'

export const MEMBERS = {
  digest: new Uint8Array(8).fill(1),
  documents: [Uint8Array.of(1)],
  peerIsMember: true,
}

/** One session, and what it did at the last event. */
export class TestSession {
  state: SyncState
  effects: readonly SyncEffect[] = []

  constructor(limits?: SyncLimits) {
    this.state = newSync(limits)
  }

  get phase(): SyncState['phase'] {
    return this.state.phase
  }

  event(event: SyncEvent): this {
    const { state, effects } = step(this.state, event)
    this.state = state
    this.effects = effects
    return this
  }

  frame(frame: Frame): this {
    return this.event({ type: 'frame', frame })
  }

  /** Opens the session, and a peer that holds `peer` and knows the same devices says so. */
  static comparing(own: Frontier, peer: Uint8Array, limits?: SyncLimits): TestSession {
    return new TestSession(limits)
      .event({ type: 'start', frontier: own, members: MEMBERS })
      .frame({ type: 'state', frontier: peer, members: MEMBERS.digest, ask: false })
  }

  get sent(): Frame[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' ? [effect.frame] : []))
  }

  /** What was sent, by name, and what else is asked for. */
  get did(): string[] {
    return this.effects.map((effect) => (effect.type === 'send' ? effect.frame.type : `* ${effect.type}`))
  }

  find<T extends SyncEffect['type']>(type: T): Extract<SyncEffect, { type: T }> {
    const found = this.effects.find((effect) => effect.type === type)
    if (!found) throw new Error(`no ${type} among ${this.did.join(', ')}`)
    return found as Extract<SyncEffect, { type: T }>
  }
}

/** The head of a log that belongs to device number `device`. */
export function head(device: number, sequence: number, branch = 0): LogHead {
  return {
    device: new Uint8Array(32).fill(device),
    incarnation: new Uint8Array(8),
    sequence,
    hash: hashOf(['head', device, sequence, branch]),
  }
}

export function run(device: number, sequence: number, upTo: number) {
  return { device: new Uint8Array(32).fill(device), incarnation: new Uint8Array(8), sequence, upTo }
}

/** A segment of one body for each operation from `from` to `last`. */
export function segment(device: number, from: number, last: number, bodyBytes = 10): Uint8Array {
  const count = last - from + 1
  return encodeShippedSegment({
    space: new Uint8Array(32),
    device: new Uint8Array(32).fill(device),
    incarnation: new Uint8Array(8),
    first: from,
    count,
    previousHash: new Uint8Array(32),
    membershipHead: new Uint8Array(32),
    headHash: new Uint8Array(32),
    signature: new Uint8Array(64),
    seed: new Uint8Array(32),
    from,
    operations: Array.from({ length: count }, () => ({ body: new Uint8Array(bodyBytes) })),
  })
}
