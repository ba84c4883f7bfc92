import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { LetterReader } from './letter-reader.ts'
import { LetterWriter } from './letter-writer.ts'
import type { PeersOptions } from './options.ts'

/** What comes together is looked at together; ms. */
const SOON_MS = 50

export interface LetterCarrierOptions extends PeersOptions {
  /** Somebody and a user of this node are in contact, or are not any more. */
  readonly onContact: (did: string) => void
}

interface Rounds {
  timer: NodeJS.Timeout | undefined
  /** Of the timer, and of the next time that everything is asked for; on the monotonic clock, ms. */
  due: number
  all: number
  /** By the master's clock, ms; 0: nothing was asked yet. */
  since: number
  running: Promise<void>
}

/**
 * Words between people who are never online together: for those who want it, a master keeps what each has to say until
 * the other one's node asks. Nothing is written, and nothing asked, for anybody else.
 */
export class LetterCarrier {
  readonly #options: LetterCarrierOptions
  readonly #reader: LetterReader
  readonly #writer: LetterWriter
  readonly #rounds = new Map<string, Rounds>()

  constructor(options: LetterCarrierOptions) {
    this.#options = options
    this.#reader = new LetterReader(options)
    this.#writer = new LetterWriter({
      ...options,
      publish: (kind, bytes) => options.master().publish(kind, bytes),
    })
  }

  stop(): void {
    for (const { timer } of this.#rounds.values()) clearTimeout(timer)
    this.#rounds.clear()
  }

  /** The master came or went, or is another one, which has nothing of what the one before had. */
  masterChanged(): void {
    for (const [did, rounds] of this.#rounds) {
      rounds.all = 0
      this.wake(did)
    }
  }

  /** The person's database is open, or they did something that others are to be told. */
  wake(did: string): void {
    if (!this.#rounds.has(did))
      this.#rounds.set(did, { timer: undefined, due: Infinity, all: 0, since: 0, running: Promise.resolve() })
    this.#schedule(did, performance.now() + SOON_MS)
  }

  /** The person decided who they want to hear of: what came to nothing is looked at again. */
  decided(did: string, about?: string): void {
    this.#reader.again()
    if (about !== undefined) this.#writer.again(did, about)
    const rounds = this.#rounds.get(did)
    if (rounds) rounds.all = 0
    this.wake(did)
  }

  forget(did: string): void {
    clearTimeout(this.#rounds.get(did)?.timer)
    this.#rounds.delete(did)
  }

  /** Whether a person wants it, and there is a master. */
  async isWanted(did: string): Promise<boolean> {
    if (this.#options.master().state().state === 'none') return false
    return (await this.#options.vault(did)('contactPolicy', {})).throughMaster
  }

  /**
   * Says at once what is to be said to somebody, or again what was said last. `secret`: of an invite of theirs. False:
   * it cannot be said now, and is tried again.
   */
  async say(did: string, to: string, secret: Uint8Array | null = null): Promise<boolean> {
    try {
      if (!(await this.isWanted(did))) return false
      const letter = await this.#options.vault(did)('letterTo', { did: to })
      const kind = letter?.owed ?? (secret ? 'request' : letter?.said)
      if (!letter || !kind || letter.contact.blocked || letter.contact.confirmedAt !== null) return false
      return await this.#writer.write(did, to, kind, secret)
    } catch (error) {
      this.#note(error)
      return false
    }
  }

  #schedule(did: string, due: number): void {
    const rounds = this.#rounds.get(did)
    if (!rounds || rounds.due <= due) return
    clearTimeout(rounds.timer)
    rounds.due = due
    rounds.timer = setTimeout(
      () => {
        rounds.due = Infinity
        rounds.running = rounds.running
          .then(() => this.#round(did, rounds))
          .then(() => {
            if (this.#rounds.get(did) === rounds)
              this.#schedule(did, performance.now() + LIMITS.connectionPollMs)
          })
      },
      Math.max(0, due - performance.now()),
    )
    rounds.timer.unref()
  }

  /** Never throws. */
  async #round(did: string, rounds: Rounds): Promise<void> {
    const { isOpen, keysOf, master, onContact } = this.#options
    if (this.#rounds.get(did) !== rounds || !isOpen(did)) return
    try {
      if (master().state().state !== 'online' || !(await this.isWanted(did))) return
      const keys = await keysOf(did)
      const isAll = rounds.all <= performance.now()
      const { records, next } = await master().connections(keys, isAll ? 0 : rounds.since)
      rounds.since = next
      if (isAll) rounds.all = performance.now() + LIMITS.connectionAllMs
      const changed = await this.#reader.read(keys, records)
      await this.#writer.writeAll(did, isAll ? records : undefined)
      if (changed) onContact(did)
    } catch (error) {
      // Part of an answer may not have been looked at.
      rounds.all = 0
      this.#note(error)
    }
  }

  #note(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const code = error instanceof VivimError ? error.code : 'Internal'
    this.#options.count('peers.letters.away')
    this.#options.log.info({ code, reason }, 'what people say by way of the master waits')
  }
}
