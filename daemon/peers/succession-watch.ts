import { setTimeout as delay } from 'node:timers/promises'
import { LIMITS } from '../../schema/limits.ts'
import type { PeersOptions } from './options.ts'
import type { SuccessionFollower } from './succession-follower.ts'

const PAGE = 100
/** What is being opened is open by then; ms. */
const SOON_MS = 50

export interface WatchOptions
  extends Pick<PeersOptions, 'vault' | 'isOpen' | 'find' | 'log' | 'onSucceeded'> {
  readonly follower: Pick<SuccessionFollower, 'follow'>
}

interface State {
  timer: NodeJS.Timeout | undefined
  running: boolean
  /** Woken while it ran. */
  again: boolean
}

/**
 * Asks the master, while a person's database is open, whether root keys have a successor: their own, and those of the
 * people they know. So it is learnt also of whom nobody meets.
 */
export class SuccessionWatch {
  readonly #options: WatchOptions
  readonly #states = new Map<string, State>()
  readonly #stopping = new AbortController()

  constructor(options: WatchOptions) {
    this.#options = options
  }

  stop(): void {
    this.#stopping.abort()
    for (const did of [...this.#states.keys()]) this.forget(did)
  }

  /** The person's database is open. */
  wake(did: string): void {
    const state = this.#states.get(did) ?? { timer: undefined, running: false, again: false }
    this.#states.set(did, state)
    if (state.running) state.again = true
    else this.#schedule(did, state, SOON_MS)
  }

  /** The master may answer now. */
  wakeAll(): void {
    for (const did of this.#states.keys()) this.wake(did)
  }

  forget(did: string): void {
    clearTimeout(this.#states.get(did)?.timer)
    this.#states.delete(did)
  }

  #schedule(did: string, state: State, inMs: number): void {
    clearTimeout(state.timer)
    if (this.#states.get(did) !== state) return
    state.timer = setTimeout(() => void this.#run(did, state), inMs).unref()
  }

  /** Never throws. */
  async #run(did: string, state: State): Promise<void> {
    state.running = true
    state.again = false
    const looked = await this.#round(did).catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log.info({ reason }, 'successors of root keys are not looked for')
      return false
    })
    state.running = false
    const wait = looked ? LIMITS.contactTellMs : LIMITS.contactRetryMaxMs
    this.#schedule(did, state, state.again ? SOON_MS : wait)
  }

  /** True when all were looked up. */
  async #round(did: string): Promise<boolean> {
    const { vault, isOpen } = this.#options
    if (!isOpen(did)) return false
    await this.#noteOwn(did)
    await this.#lookUp(did, did)
    await this.#noteOwn(did)
    for (let after = ''; ; ) {
      const people = await vault(did)('peopleAfter', { after, limit: PAGE })
      for (const person of people) {
        if (this.#stopping.signal.aborted || !isOpen(did)) return false
        await delay(LIMITS.successionLookUpMs, undefined, { ref: false })
        await this.#lookUp(did, person)
      }
      const last = people.at(-1)
      if (people.length < PAGE || last === undefined) return true
      after = last
    }
  }

  async #noteOwn(did: string): Promise<void> {
    const { vault, onSucceeded } = this.#options
    if ((await vault(did)('lineage', { did })).succeededBy !== null) onSucceeded(did)
  }

  /** @throws VivimError `Unavailable`, `RateLimited` */
  async #lookUp(did: string, person: string): Promise<void> {
    const { find, follower } = this.#options
    const entry = await find(
      person,
      AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(LIMITS.registryCallMs)]),
    )
    const statements = (entry?.records ?? []).flatMap(({ kind, bytes }) =>
      kind === 'successor' ? [bytes] : [],
    )
    if (statements.length > 0) await follower.follow(did, statements)
  }
}
