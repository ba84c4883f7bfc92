import type { SyncEffect } from '../../crdt/engine.ts'
import { frontierDigest } from '../../crdt/frontier.ts'
import { hashOf } from '../../crdt/hash.ts'
import type { Frame } from '../../crdt/sync-frames.ts'
import { type SeededRandom, seededRandom } from '../support/seed.ts'
import { documentOf, Replica } from './replica.ts'
import type { Engine } from './session-end.ts'

const FRAMES = 60
/** Frames that follow when the session is over. */
const FRAMES_AFTER = 3
const PHASES = ['opening', 'members', 'comparing', 'exchanging', 'in-sync', 'closed']
/** What a stranger may be sent. */
const HARMLESS = ['state', 'members', 'bye']

/**
 * One engine against a peer that says anything, at times what an honest one would say. Answers everything that is
 * wrong: something thrown, more held than allowed, data for a stranger, life after the end.
 */
export function problemsWithHostile(engine: Engine, seed: string): string[] {
  const random = seededRandom(seed)
  const replica = new Replica(0)
  const peer = new Replica(1)
  const stranger = random.next() < 0.3
  if (!stranger) replica.saveMembers([documentOf(peer.device)])
  peer.saveMembers([documentOf(replica.device)])
  replica.commit(random, 5, 100)
  for (let commits = 0; commits < 10; commits++) peer.commit(random, 3, 100)
  const limits = { credit: random.pick([1, 500, 5_000]), applyBytes: random.pick([1, 1_000]) }
  const hostile = new Hostile(random, replica, peer)
  const problems: string[] = []
  const due: (() => void)[] = []
  let state = engine.newSync(limits)
  let held = 0

  const event = (given: Parameters<Engine['step']>[1]) => {
    const before = state.phase
    const step = engine.step(state, given)
    state = step.state
    if (before === 'closed' && step.effects.length > 0) problems.push('something happens after the end')
    if (!PHASES.includes(state.phase)) problems.push(`no phase: ${state.phase}`)
    for (const effect of step.effects) perform(effect)
  }
  const perform = (effect: SyncEffect) => {
    if (stranger && !isHarmless(effect)) problems.push(`a stranger got ${nameOf(effect)}`)
    switch (effect.type) {
      case 'send':
        hostile.hear(effect.frame)
        break
      case 'save-members':
        // What a hostile peer brings does not verify.
        due.push(() => event({ type: 'members', members: replica.members(peer.device) }))
        break
      case 'read':
        due.push(() => event({ type: 'read', log: effect.log, ...replica.read(effect.log, effect.maxBytes) }))
        break
      case 'apply':
        due.push(() => {
          held -= effect.segments.reduce((sum, { length }) => sum + length, 0)
          event({ type: 'applied', frontier: replica.frontier(), missingBlobs: [hostile.blobHash()] })
        })
        break
      case 'read-blob':
        due.push(() =>
          event({ type: 'blob', ...replica.readBlob(effect.hash, effect.offset, effect.maxBytes) }),
        )
        break
      default:
        break
    }
  }

  event({ type: 'start', frontier: replica.frontier(), members: replica.members(peer.device) })
  for (let count = 0, after = 0; count < FRAMES && after < FRAMES_AFTER; count++) {
    if (state.phase === 'closed') after++
    const frame = hostile.next()
    const full = held >= limits.credit
    if (frame.type === 'segment') held += frame.bytes.length
    event({ type: 'frame', frame })
    if (frame.type === 'segment' && full && state.phase !== 'closed')
      problems.push('more is taken than the credit and a segment')
    if (due.length > 0 && random.next() < 0.5) due.splice(random.integer(due.length), 1)[0]!()
  }
  return problems
}

function nameOf(effect: SyncEffect): string {
  return effect.type === 'send' ? effect.frame.type : effect.type
}

function isHarmless(effect: SyncEffect): boolean {
  return HARMLESS.includes(nameOf(effect)) || effect.type === 'save-members' || effect.type === 'close'
}

/** Says what fits, sometimes; what comes from the same words in another order, mostly. */
class Hostile {
  readonly #random: SeededRandom
  readonly #replica: Replica
  readonly #peer: Replica
  readonly #fitting: Frame[] = []
  readonly #blobs: readonly Uint8Array[]
  #said = false

  constructor(random: SeededRandom, replica: Replica, peer: Replica) {
    this.#random = random
    this.#replica = replica
    this.#peer = peer
    this.#blobs = [hashOf(['blob', 1]), hashOf(['blob', 2])]
  }

  blobHash(): Uint8Array {
    return this.#random.pick(this.#blobs)
  }

  /** Learns what an honest peer would say next. */
  hear(frame: Frame): void {
    const peer = this.#peer
    if (frame.type === 'have') this.#fitting.push({ type: 'have', heads: heldBy(peer) })
    if (frame.type === 'want-blobs')
      for (const hash of frame.hashes)
        this.#fitting.push({ type: 'blob', hash, offset: 0, total: 9, bytes: new Uint8Array(9) })
    if (frame.type !== 'want') return
    const operations = frame.runs.reduce((sum, { sequence, upTo }) => sum + upTo - sequence + 1, 0)
    this.#fitting.push({ type: 'totals', operations })
    for (const run of frame.runs)
      for (const bytes of peer.read(run, 1_000_000).segments) this.#fitting.push({ type: 'segment', bytes })
  }

  next(): Frame {
    const { next, integer, pick } = this.#random
    if (!this.#said && next() < 0.9) {
      this.#said = true
      const { digest } = this.#replica.members(this.#peer.device)
      return {
        type: 'state',
        frontier: next() < 0.8 ? hashOf(['anything']) : frontierDigest(this.#replica.frontier()),
        members: next() < 0.8 ? digest : new Uint8Array(8),
        ask: false,
      }
    }
    if (this.#fitting.length > 0 && next() < 0.8) return this.#fitting.shift()!
    return pick([...this.#fitting.slice(0, 3).map((frame) => () => frame), ...this.#anything(integer)])()
  }

  #anything(integer: (below: number) => number): (() => Frame)[] {
    const { pick, bytes } = this.#random
    const own = () => pick(heldBy(this.#replica))
    const hash = () => this.blobHash()
    const heads = () => heldBy(pick([this.#replica, this.#peer]))
    const segment = () =>
      this.#peer.read({ ...heldBy(this.#peer)[0]!, sequence: 1 + integer(30) }, 500).segments[0]
    return [
      () => ({ type: 'state', frontier: bytes(32), members: bytes(8), ask: integer(2) === 1 }),
      () => ({ type: 'members', documents: [bytes(10)], more: integer(2) === 1 }),
      () => ({
        type: 'have',
        heads: heads().map((head) => ({ ...head, sequence: head.sequence + integer(50) })),
      }),
      () => ({
        type: 'want',
        runs: [{ ...own(), sequence: 1, upTo: 1 + integer(6) }],
        credit: 1 + integer(99),
      }),
      () => ({ type: 'totals', operations: 1 + integer(40) }),
      () => ({ type: 'segment', bytes: segment() ?? bytes(20) }),
      () => ({ type: 'segment', bytes: bytes(1 + integer(300)) }),
      () => ({ type: 'ack', credit: 1 + integer(200) }),
      () => ({ type: 'want-blobs', hashes: Array.from({ length: 1 + integer(600) }, hash) }),
      () => ({
        type: 'blob',
        hash: hash(),
        offset: integer(3),
        total: integer(20),
        bytes: bytes(integer(10)),
      }),
      () => ({ type: 'bye', reason: 'busy' }),
    ]
  }
}

function heldBy(replica: Replica) {
  return replica.frontier().filter(({ sequence }) => sequence > 0)
}
