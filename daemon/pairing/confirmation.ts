import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Ending } from './messages.ts'

export type PairingState = 'waiting' | 'joined' | 'confirmed' | 'done' | 'failed' | 'expired'

/**
 * Where one side of a pairing stands: what its own person and the other side have confirmed, and how it ended. Facts
 * only ever become true, so that they may be told again after a break.
 */
export class Confirmation {
  /** Called when there is something new to tell the other side. */
  onNews: () => void = () => {}
  #check: string | undefined
  #confirmed = false
  #peerConfirmed = false
  #peerKnows = false
  #done = false
  #failure: VivimError | undefined
  #ending: Ending | undefined
  #wrongTries = 0
  #changed = Promise.withResolvers<void>()

  /** The six digits, once both sides have said who they are. */
  get check(): string | undefined {
    return this.#check
  }

  get confirmed(): boolean {
    return this.#confirmed
  }

  /** The other side has confirmed, as far as this one knows. */
  get peerConfirmed(): boolean {
    return this.#peerConfirmed
  }

  get agreed(): boolean {
    return this.#confirmed && this.#peerConfirmed && !this.#failure
  }

  get done(): boolean {
    return this.#done
  }

  get over(): boolean {
    return this.#done || this.#failure !== undefined
  }

  /** Why it ended before it was done. */
  get ending(): Ending | undefined {
    return this.#ending
  }

  get failure(): VivimError | undefined {
    return this.#failure
  }

  get state(): PairingState {
    if (this.#done) return 'done'
    if (this.#ending) return this.#ending === 'expired' ? 'expired' : 'failed'
    if (this.#confirmed) return 'confirmed'
    return this.#check === undefined ? 'waiting' : 'joined'
  }

  joined(check: string): void {
    this.#check = check
    this.#tell()
  }

  /**
   * This side's person says what the other side shows. Saying it again changes nothing.
   * @throws VivimError `Forbidden` for other digits, which after three times end the pairing; `Conflict` while nobody
   * has joined; what ended it
   */
  confirm(check: string): void {
    if (this.#failure) throw this.#failure
    if (this.#check === undefined)
      throw new VivimError('Conflict', 'No device has used that code yet.', {
        hint: 'Type it on the new device: `vivimd device join CODE`.',
      })
    if (check.replace(/\s/g, '') !== this.#check) throw this.#wrong()
    if (this.#confirmed) return
    this.#confirmed = true
    this.#tell()
    this.onNews()
  }

  /** The other side tells where it stands. */
  heard({ confirmed, seen }: { readonly confirmed: boolean; readonly seen: boolean }): void {
    const news = confirmed && !this.#peerConfirmed
    this.#peerConfirmed ||= confirmed
    this.#peerKnows ||= seen && this.#confirmed
    this.#tell()
    if (news) this.onNews()
  }

  finish(): void {
    if (this.over) return
    this.#done = true
    this.#tell()
  }

  /** Ends it, unless it is over. `failure` is what its person is told. */
  fail(ending: Ending, failure: VivimError = endingError(ending)): void {
    if (this.over) return
    this.#ending = ending
    this.#failure = failure
    this.#tell()
    this.onNews()
  }

  /**
   * Whether all is done, asked after `confirm`: false, at once, when the other side knows of it and has yet to
   * confirm; otherwise it waits for the end.
   * @throws VivimError what ended it; the signal's reason
   */
  async outcome(signal?: AbortSignal): Promise<boolean> {
    await this.#until(() => this.over || this.#peerKnows || this.#peerConfirmed, signal)
    if (!this.over && !this.#peerConfirmed) return false
    await this.#until(() => this.over, signal)
    if (this.#failure) throw this.#failure
    return true
  }

  #wrong(): VivimError {
    if (++this.#wrongTries >= LIMITS.pairingTries) {
      const message = 'Those are not the six digits either; the pairing has ended on both sides.'
      this.fail('cancelled', new VivimError('Forbidden', message, { hint: 'Start again with a new code.' }))
      return this.#failure!
    }
    return new VivimError('Forbidden', 'Those are not the six digits that this side shows.', {
      field: 'check',
      hint: 'If both devices show different digits, somebody is between them: cancel.',
    })
  }

  #tell(): void {
    this.#changed.resolve()
    this.#changed = Promise.withResolvers()
  }

  async #until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    const aborted = signal && rejection(signal)
    try {
      while (!condition())
        await (aborted ? Promise.race([this.#changed.promise, aborted.promise]) : this.#changed.promise)
    } finally {
      aborted?.release()
    }
  }
}

/** What a person is told of a pairing that ended. */
export function endingError(ending: Ending): VivimError {
  switch (ending) {
    case 'expired':
      return new VivimError('Expired', 'The pairing code has expired.', { hint: 'Make a new one.' })
    case 'used':
      return new VivimError('Exhausted', 'Another device has used that code.', {
        hint: 'If that was not yours, cancel the pairing on the other device. A code is good for one device.',
      })
    case 'cancelled':
      return new VivimError('Conflict', 'The pairing was cancelled.')
    case 'failed':
      return new VivimError('Conflict', 'The pairing failed on the other device.')
  }
}

function rejection(signal: AbortSignal): { promise: Promise<never>; release: () => void } {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => {})
  const onAbort = () => reject(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return { promise, release: () => signal.removeEventListener('abort', onAbort) }
}
