import type { AuditSchedule } from './audit-schedule.ts'
import type { KnownDevice } from './known-devices.ts'
import type { SyncSession } from './sync-session.ts'

const FIRST_RETRY_MS = 500
const LAST_RETRY_MS = 60_000
/** Failures that count as many: the next try is half a minute away. */
const PATIENCE = 6

/** The way to one other device: at most one session, and when to try again. */
export class DeviceLink {
  readonly deviceDid: string
  readonly audits: AuditSchedule
  #session: SyncSession | undefined
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  dialing = false

  constructor({ deviceDid }: Pick<KnownDevice, 'deviceDid'>, audits: AuditSchedule) {
    this.deviceDid = deviceDid
    this.audits = audits
  }

  get session(): SyncSession | undefined {
    return this.#session?.ended ? undefined : this.#session
  }

  /**
   * Both sides may dial at once: of two sessions the one stays that the smaller peer id opened, on both sides alike.
   * Answers whether this session is the one.
   */
  adopt(session: SyncSession, preferredInitiator: string): boolean {
    const present = this.session
    if (present && present !== session) {
      if (session.initiator !== preferredInitiator && present.initiator === preferredInitiator) return false
      present.close('busy')
    }
    this.#session = session
    this.#clear()
    return true
  }

  /** Both hold the same: what failed before is over. */
  succeeded(): void {
    this.#failures = 0
  }

  /** It will fail again if tried at once: its operations were refused, or this device cannot store them. */
  failedForGood(): void {
    this.#failures = Math.max(this.#failures, PATIENCE)
  }

  /** Tries again later, each time twice as long after the last, with a fifth of chance in it. */
  retryLater(dial: () => void, chance: number): void {
    if (this.#timer) return
    const ms = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures++)
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined
        dial()
      },
      ms * (0.9 + 0.2 * chance),
    )
    this.#timer.unref()
  }

  /** There is news of it: the next try need not wait. */
  hurry(): void {
    this.#failures = 0
    this.#clear()
  }

  stop(): void {
    this.#clear()
    this.#session?.close('closing')
  }

  #clear(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}
