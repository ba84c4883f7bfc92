import { LIMITS } from '../../schema/limits.ts'
import type { ContactRow, Reach } from '../vault/contact-rows.ts'
import type { Told } from './contact-exchange.ts'
import type { PeersOptions } from './options.ts'

/** What comes together is told together; ms. */
const SOON_MS = 50
/** Contacts that are tried at once. */
const AT_ONCE = 4

export interface TellerOptions extends Pick<PeersOptions, 'network' | 'vault' | 'isOpen' | 'log'> {
  readonly tell: (did: string, other: string, reach: Reach) => Promise<Told>
}

interface Progress {
  failures: number
  /** On the monotonic clock, ms. */
  due: number
}

/**
 * Tells contacts that a person wants the contact, and where they are: whoever is not reached, again and again while the
 * person's database is open; the others from time to time, and when this node has moved.
 */
export class ContactTeller {
  readonly #options: TellerOptions
  readonly #progress = new Map<string, Map<string, Progress>>()
  readonly #timers = new Map<string, { timer: NodeJS.Timeout; due: number }>()
  readonly #rounds = new Map<string, Promise<void>>()

  constructor(options: TellerOptions) {
    this.#options = options
  }

  stop(): void {
    for (const { timer } of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  /** The person's database is open, or something has changed that is to be told. */
  wake(did: string): void {
    if (!this.#progress.has(did)) this.#progress.set(did, new Map())
    this.#schedule(did, performance.now() + SOON_MS)
  }

  /** This one is told at once, whatever was told before. */
  again(did: string, other: string): void {
    this.#progress.get(did)?.delete(other)
    this.wake(did)
  }

  /** This node is reached elsewhere. */
  moved(): void {
    for (const [did, contacts] of this.#progress) {
      contacts.clear()
      this.wake(did)
    }
  }

  forget(did: string): void {
    clearTimeout(this.#timers.get(did)?.timer)
    this.#timers.delete(did)
    this.#progress.delete(did)
  }

  #schedule(did: string, due: number): void {
    const present = this.#timers.get(did)
    if (present && present.due <= due) return
    clearTimeout(present?.timer)
    const timer = setTimeout(
      () => {
        this.#timers.delete(did)
        const before = this.#rounds.get(did) ?? Promise.resolve()
        const round = before.then(() => this.#round(did))
        this.#rounds.set(did, round)
        void round.then(() => this.#rounds.get(did) === round && this.#rounds.delete(did))
      },
      Math.max(0, due - performance.now()),
    )
    timer.unref()
    this.#timers.set(did, { timer, due })
  }

  /** Never throws. */
  async #round(did: string): Promise<void> {
    const { network, vault, isOpen, log } = this.#options
    const progress = this.#progress.get(did)
    if (!progress || !network.running || !isOpen(did)) return
    try {
      const contacts = await vault(did)('contactsToTell', { limit: LIMITS.contactsTold })
      network.protect(
        protectedName(did),
        contacts
          .filter(({ state }) => state === 'accepted')
          .flatMap(({ reach }) => reach.map(({ peerId }) => peerId)),
      )
      const due = contacts.filter(({ did: other }) => (progress.get(other)?.due ?? 0) <= performance.now())
      const next = due[Symbol.iterator]()
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (const contact of next) progress.set(contact.did, await this.#tell(did, contact, progress))
        }),
      )
      const times = contacts.flatMap(({ did: other }) => progress.get(other)?.due ?? [])
      if (times.length > 0 && this.#progress.get(did) === progress) this.#schedule(did, Math.min(...times))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.info({ reason }, 'contacts are not told')
    }
  }

  async #tell(did: string, contact: ContactRow, progress: ReadonlyMap<string, Progress>): Promise<Progress> {
    for (const reach of contact.reach) {
      try {
        await this.#options.tell(did, contact.did, reach)
        return { failures: 0, due: performance.now() + LIMITS.contactTellMs }
      } catch {
        // Another node of theirs may answer.
      }
    }
    const failures = (progress.get(contact.did)?.failures ?? 0) + 1
    const wait = Math.min(LIMITS.contactRetryMaxMs, LIMITS.contactRetryMs * 2 ** (failures - 1))
    return { failures, due: performance.now() + wait * (0.9 + 0.2 * Math.random()) }
  }
}

/** As whose peers the nodes of a user's contacts are protected; the devices have the DID itself. */
export function protectedName(did: string): string {
  return `contacts of ${did}`
}
