import type { Hash } from 'node:crypto'
import type { SyncLimits } from '../../crdt/engine.ts'
import * as engine from '../../crdt/engine.ts'
import { openMessage, sealMessage } from '../../crdt/sealed-message.ts'
import type { SeededRandom } from '../support/seed.ts'
import { newTotals, SessionEnd } from './session-end.ts'
import type { FaultCounts } from './vault-faults.ts'
import type { VaultReplica } from './vault-replica.ts'

interface Message {
  readonly from: VaultReplica
  readonly to: VaultReplica
  readonly sealed: Uint8Array
}

interface Link {
  readonly between: readonly [VaultReplica, VaultReplica]
  ends: readonly [SessionEnd, SessionEnd] | undefined
}

const TOPIC = 'simulated'

/**
 * Streams between devices, in which frames keep their order until the stream breaks, and messages to everybody, which
 * keep nothing. One thing happens at a time.
 */
export class VaultNetwork {
  readonly totals = newTotals()
  readonly #replicas: readonly VaultReplica[]
  readonly #random: SeededRandom
  readonly #counts: FaultCounts
  readonly #limits: SyncLimits
  readonly #trace: Hash
  readonly #epochKey: Uint8Array
  readonly #carryOut: (replica: VaultReplica, work: () => void) => void
  readonly #links: Link[]
  #messages: Message[] = []
  /** Devices on one side of a partition; empty when there is none. */
  #island: ReadonlySet<VaultReplica> = new Set()

  constructor(options: {
    readonly replicas: readonly VaultReplica[]
    readonly random: SeededRandom
    readonly counts: FaultCounts
    readonly limits: SyncLimits
    readonly trace: Hash
    readonly epochKey: Uint8Array
    /** Does something on a device, whose process may end meanwhile. */
    readonly carryOut: (replica: VaultReplica, work: () => void) => void
  }) {
    this.#replicas = options.replicas
    this.#random = options.random
    this.#counts = options.counts
    this.#limits = options.limits
    this.#trace = options.trace
    this.#epochKey = options.epochKey
    this.#carryOut = options.carryOut
    this.#links = this.#replicas.flatMap((a, index) =>
      this.#replicas.slice(index + 1).map((b): Link => ({ between: [a, b], ends: undefined })),
    )
  }

  /** One of the things that may happen now; false when there is none. */
  step(): boolean {
    const possible: (() => void)[] = []
    for (const { ends } of this.#links)
      for (const [index, end] of ends?.entries() ?? []) {
        const other = ends![1 - index]!
        if (end.onTheWay.length > 0) possible.push(() => this.#deliverFrame(end, other))
        if (end.due.length > 0) possible.push(() => this.#answer(end))
      }
    if (this.#messages.length > 0) possible.push(() => this.#deliverMessage())
    if (possible.length === 0) return false
    this.#random.pick(possible)()
    return true
  }

  /** Tells everybody what a device has written; the network may lose it or bring it twice. */
  publish(from: VaultReplica, segments: readonly Uint8Array[]): void {
    for (const segment of segments) {
      const sealed = sealMessage({ epoch: 0, key: this.#epochKey }, TOPIC, segment)
      for (const to of this.#replicas) {
        if (to === from) continue
        const copies = this.#random.pick([0, 1, 1, 1, 2])
        if (copies === 0) this.#counts.add('message lost')
        if (copies === 2) this.#counts.add('message duplicated')
        for (let copy = 0; copy < copies; copy++) this.#messages.push({ from, to, sealed })
      }
    }
  }

  /** Opens a stream that is not open. */
  open(): void {
    const closed = this.#links.filter(({ ends, between }) => !isOpen(ends) && this.#connected(...between))
    if (closed.length > 0) this.#open(this.#random.pick(closed))
  }

  /** Opens the streams between one device and all others. */
  gatherAround(hub: VaultReplica): void {
    for (const link of this.#links)
      if (link.between.includes(hub) && !isOpen(link.ends) && this.#connected(...link.between))
        this.#open(link)
  }

  /** Breaks a stream that is open; what was handed to the disk may still be done. */
  breakOne(): void {
    const open = this.#links.filter(({ ends }) => ends)
    if (open.length === 0) return
    this.#counts.add('stream broken')
    this.#break(this.#random.pick(open), this.#random.next() < 0.5)
  }

  partition(): void {
    this.#island = new Set(this.#replicas.filter(() => this.#random.next() < 0.5))
    this.#counts.add('partition')
    for (const link of this.#links)
      if (link.ends && !this.#connected(...link.between)) this.#break(link, false)
  }

  /** Nobody reaches that device. */
  isolate(replica: VaultReplica): void {
    this.#island = new Set([replica])
    for (const link of this.#links)
      if (link.ends && !this.#connected(...link.between)) this.#break(link, false)
  }

  heal(): void {
    this.#island = new Set()
  }

  /** The device's process is gone: its streams break, and what they asked of its memory is forgotten. */
  forget(replica: VaultReplica): void {
    for (const link of this.#links) if (link.ends && link.between.includes(replica)) this.#break(link, false)
  }

  /** What the device said never arrives. */
  silence(replica: VaultReplica): void {
    this.#messages = this.#messages.filter(({ from }) => from !== replica)
  }

  /** A device holds more than before: its other streams hear of it. */
  changed(replica: VaultReplica): void {
    for (const { ends } of this.#links)
      for (const end of ends ?? []) {
        if (end.replica !== replica || end.closed) continue
        end.announceCommit()
        end.announceMembers()
      }
  }

  #open(link: Link): void {
    const [a, b] = link.between
    const shared = {
      engine,
      limits: this.#limits,
      totals: this.totals,
      changed: (by: SessionEnd) => this.changed(by.replica as VaultReplica),
    }
    const ends = [
      new SessionEnd({ ...shared, replica: a, peer: b }),
      new SessionEnd({ ...shared, replica: b, peer: a }),
    ] as const
    link.ends = ends
    this.#carryOut(a, () => a.meet(b))
    this.#carryOut(b, () => b.meet(a))
    for (const [index, replica] of link.between.entries()) this.#carryOut(replica, () => ends[index]!.start())
  }

  #break(link: Link, finish: boolean): void {
    const { ends = [] } = link
    link.ends = undefined
    const [a, b] = link.between
    a.part(b)
    b.part(a)
    for (const end of ends) end.closed = true
    if (!finish) return
    for (const end of ends)
      for (const answer of end.due.splice(0)) this.#carryOut(end.replica as VaultReplica, answer)
  }

  #deliverFrame(from: SessionEnd, to: SessionEnd): void {
    const bytes = from.onTheWay.shift()!
    this.#trace.update(bytes)
    this.#carryOut(to.replica as VaultReplica, () => to.receive(bytes))
  }

  #answer(end: SessionEnd): void {
    const [answer] = end.due.splice(this.#random.integer(end.due.length), 1)
    this.#carryOut(end.replica as VaultReplica, answer!)
  }

  #deliverMessage(): void {
    const index = this.#random.next() < 0.7 ? 0 : this.#random.integer(this.#messages.length)
    if (index > 0) this.#counts.add('message reordered')
    const [message] = this.#messages.splice(index, 1)
    const { from, to, sealed } = message!
    this.#trace.update(sealed)
    if (!this.#connected(from, to)) {
      this.#counts.add('message lost to a partition')
      return
    }
    this.#carryOut(to, () => {
      const segment = openMessage([{ epoch: 0, key: this.#epochKey }], TOPIC, sealed)
      if (!segment) throw new Error('a sealed message does not open')
      const before = to.operations()
      // A gap is no fault of anybody's: the next stream fills it.
      const taken = to.apply([segment])
      this.#counts.add(taken ? 'messages taken in' : 'messages that came too early')
      if (to.operations() > before) this.changed(to)
    })
  }

  #connected(a: VaultReplica, b: VaultReplica): boolean {
    return this.#island.has(a) === this.#island.has(b)
  }
}

function isOpen(ends: Link['ends']): boolean {
  return ends?.every(({ closed }) => !closed) ?? false
}

/** A message with a changed byte does not open. */
export function opensForged(random: SeededRandom, epochKey: Uint8Array, segment: Uint8Array): boolean {
  const sealed = sealMessage({ epoch: 0, key: epochKey }, TOPIC, segment)
  sealed[random.integer(sealed.length)]! ^= 1 << random.integer(8)
  return openMessage([{ epoch: 0, key: epochKey }], TOPIC, sealed) !== undefined
}
