import { LIMITS } from '../../schema/limits.ts'

/** When all rows are compared with another device without anybody asking: after changes, at most once an hour. */
export class AuditSchedule {
  #next: number
  #audited: Uint8Array | undefined

  /** `chance` in [0, 1] spreads the first time over the hour, so that not all devices begin at once. */
  constructor(now: number, chance: number) {
    this.#next = now + chance * LIMITS.syncAuditEveryMs
  }

  due(now: number, frontier: Uint8Array): boolean {
    return now >= this.#next && this.changed(frontier)
  }

  /** Something was written since the last audit. */
  changed(frontier: Uint8Array): boolean {
    return this.#audited === undefined || Buffer.compare(this.#audited, frontier) !== 0
  }

  /** One ended, whoever asked for it; `frontier` is undefined when it told nothing. */
  done(now: number, frontier: Uint8Array | undefined): void {
    this.#next = now + LIMITS.syncAuditEveryMs
    this.#audited = frontier ?? this.#audited
  }
}
