import type { SyncLimits } from '../../crdt/engine.ts'
import type { SeededRandom } from '../support/seed.ts'
import type { Replica } from './replica.ts'
import { type Engine, newTotals, SessionEnd } from './session-end.ts'

export interface WorldOptions {
  readonly engine: Engine
  readonly random: SeededRandom
  readonly replicas: readonly Replica[]
  /** Pairs of replicas that have a stream. */
  readonly links: readonly (readonly [number, number])[]
  readonly limits: SyncLimits
  /** A replica whose disk answers late. */
  readonly slow?: Replica | undefined
  /** How often each of these happens, at moments of chance. */
  readonly commits: number
  readonly drops: number
  readonly triggers: number
  readonly bodyBytes?: number
}

interface Link {
  readonly between: readonly [Replica, Replica]
  ends: readonly [SessionEnd, SessionEnd] | undefined
}

const STEPS_MAX = 100_000

/**
 * Replicas, streams between them and one thing that happens at a time, chosen by chance: a frame arrives, a disk
 * answers, somebody writes, a stream breaks. Frames of one stream stay in order; nothing else does.
 */
export class World {
  readonly totals = newTotals()
  readonly #options: WorldOptions
  readonly #links: Link[]
  #commits: number
  #drops: number
  #triggers: number
  steps = 0
  /** Streams opened, and times somebody heard of a change. */
  sessions = 0
  news = 0

  constructor(options: WorldOptions) {
    this.#options = options
    const { replicas } = options
    this.#links = options.links.map(([a, b]) => ({ between: [replicas[a]!, replicas[b]!], ends: undefined }))
    this.#commits = options.commits
    this.#drops = options.drops
    this.#triggers = options.triggers
  }

  get ends(): SessionEnd[] {
    return this.#links.flatMap(({ ends }) => ends ?? [])
  }

  /** Goes on until nothing is left to happen. @throws if that takes too long */
  run(): void {
    for (;;) {
      if (++this.steps > STEPS_MAX) throw new Error('it does not come to an end')
      const possible = this.#possible()
      if (possible.length > 0) this.#options.random.pick(possible)()
      else if (this.ends.every(({ due }) => due.length === 0)) return
    }
  }

  #possible(): (() => void)[] {
    const actions: (() => void)[] = []
    for (const link of this.#links) {
      const { ends } = link
      if (!ends) {
        actions.push(() => this.#open(link))
        continue
      }
      for (const [index, end] of ends.entries()) {
        const other = ends[1 - index]!
        if (end.onTheWay.length > 0) actions.push(() => other.receive(end.onTheWay.shift()!))
        const late = end.replica === this.#options.slow && this.#options.random.next() < 0.95
        if (end.due.length > 0 && !late)
          actions.push(() => end.due.splice(this.#options.random.integer(end.due.length), 1)[0]!())
        if (this.#triggers > 0) actions.push(() => this.#trigger(end))
      }
      if (this.#drops > 0) actions.push(() => this.#drop(link))
    }
    if (this.#commits > 0) actions.push(() => this.#commit())
    return actions
  }

  #open(link: Link): void {
    const { engine, limits } = this.#options
    this.sessions++
    const [a, b] = link.between
    const changed = (by: SessionEnd) => this.#changed(by.replica as Replica)
    const shared = { engine, limits, totals: this.totals, changed }
    link.ends = [
      new SessionEnd({ ...shared, replica: a, peer: b }),
      new SessionEnd({ ...shared, replica: b, peer: a }),
    ]
    for (const end of link.ends) end.start()
  }

  /** What was on its way is lost; what was handed to the disk may still be done. */
  #drop(link: Link): void {
    this.#drops--
    for (const end of link.ends ?? []) {
      end.closed = true
      if (this.#options.random.next() < 0.5) for (const answer of end.due.splice(0)) answer()
    }
    link.ends = undefined
  }

  #trigger(end: SessionEnd): void {
    this.#triggers--
    this.news++
    end.event({ type: 'trigger' })
  }

  #commit(): void {
    this.#commits--
    const { random, replicas, bodyBytes = 200 } = this.#options
    const replica = random.pick(replicas)
    replica.commit(random, 1 + random.integer(5), bodyBytes)
    this.#changed(replica)
  }

  #changed(replica: Replica): void {
    for (const end of this.ends) {
      if (end.replica !== replica || end.closed) continue
      this.news++
      end.announceCommit()
      end.announceMembers()
    }
  }
}
