import type { SyncEvent } from '../../crdt/engine.ts'
import type { AuditEffect } from '../../crdt/sync-audit-events.ts'
import { VivimError } from '../../schema/errors.ts'
import type { AuditOutcome } from '../vault/audit-records.ts'
import type { PeerDevice, Replicate } from './sync-session.ts'

/** What a comparison of all rows came to. */
export interface Audited {
  readonly result: AuditOutcome
  /** Rows that differed, and of these the ones that were wrong here and are right now. */
  readonly rows: number
  readonly remade: number
  /** The first of the rows: model and key. */
  readonly names: readonly string[]
}

export interface SessionAuditsOptions {
  readonly replicate: Replicate
  readonly event: (event: SyncEvent) => void
  /** The device at the other end. */
  readonly device: () => PeerDevice | undefined
  readonly onAudited: (audited: Audited) => void
}

const HOUR_MS = 3_600_000

/** The audits of one session: does what the state machine asks for, and tells those who wait. */
export class SessionAudits {
  readonly #options: SessionAuditsOptions
  readonly #waiting = new Set<PromiseWithResolvers<Audited>>()
  #hourBegan = performance.now()

  constructor(options: SessionAuditsOptions) {
    this.#options = options
  }

  /** Reads every row again, on both sides. */
  ask(signal: AbortSignal): Promise<Audited> {
    const waiting = Promise.withResolvers<Audited>()
    this.#waiting.add(waiting)
    const giveUp = () => waiting.reject(signal.reason)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    else this.#options.event({ type: 'audit', fresh: true })
    return waiting.promise.finally(() => {
      this.#waiting.delete(waiting)
      signal.removeEventListener('abort', giveUp)
    })
  }

  /** Called now and then. */
  keepTime(): void {
    if (performance.now() - this.#hourBegan < HOUR_MS) return
    this.#hourBegan = performance.now()
    this.#options.event({ type: 'hour' })
  }

  async perform(effect: AuditEffect): Promise<void> {
    const { replicate, event } = this.#options
    switch (effect.type) {
      case 'audit-measure': {
        const { role, fresh, unless } = effect
        event({ type: 'audit-measured', role, ...(await replicate('auditMeasure', { fresh, unless })) })
        break
      }
      case 'audit-split':
        event({ type: 'audit-split', split: await replicate('auditSplit', effect) })
        break
      case 'audit-compare':
        event({ type: 'audit-compared', compared: await replicate('auditCompare', effect) })
        break
      case 'audited':
        await this.#audited(effect)
        break
    }
  }

  /** The session is over. */
  end(reason: VivimError): void {
    for (const { reject } of this.#waiting) reject(reason)
  }

  async #audited(effect: Extract<AuditEffect, { type: 'audited' }>): Promise<void> {
    if (effect.result === 'put-off') {
      if (!effect.fresh) return
      const error = new VivimError('RateLimited', 'That device was asked too often. Try again in an hour.')
      for (const { reject } of this.#waiting) reject(error)
      return
    }
    const device = this.#options.device()?.device
    if (!device) return
    const { result } = effect
    const found = 'names' in effect ? effect.names : []
    const { remade, names } = await this.#options.replicate('audited', { device, result, names: found })
    const audited = { result, rows: found.length, remade, names }
    this.#options.onAudited(audited)
    if (effect.fresh) for (const { resolve } of this.#waiting) resolve(audited)
  }
}

/** Counts it, and says aloud when two devices showed different rows. */
export function reportAudit(
  {
    count,
    log,
  }: {
    readonly count: (name: string, by?: number) => void
    readonly log: {
      info(details: object, message: string): void
      warn(details: object, message: string): void
    }
  },
  { deviceDid }: PeerDevice,
  { result, ...found }: Audited,
): void {
  count(`sync.audits.${result}`)
  if (result !== 'different') {
    log.info({ device: deviceDid, result }, 'all rows were compared')
    return
  }
  count('sync.audit.differences', found.rows)
  log.warn(
    { device: deviceDid, ...found },
    'two devices showed different rows after the same operations; they were made again from the log',
  )
}
