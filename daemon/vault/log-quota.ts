import type { LogPosition } from '../../crdt/frontier.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Authority } from './authority.ts'
import type { LogRow, Logs } from './logs.ts'

type LogId = Pick<LogPosition, 'device' | 'incarnation'>

/**
 * How many logs of one device are taken in. A device that writes more is none that anybody is honest with: what it may
 * write beyond is passed over, so that its cut-offs always fit their record, and the space stays open to the others.
 * Two replicas may have taken different ones meanwhile. Once it is taken out both come to hold the same: the logs its
 * cut-offs name, whatever was taken before, and of the others, which count for nothing, the first by name up to as many.
 */
export class LogQuota {
  readonly #logs: Logs
  readonly #authority: Authority
  readonly #space: number

  constructor(logs: Logs, authority: Authority, space: number) {
    this.#logs = logs
    this.#authority = authority
    this.#space = space
    logs.surplus = (all) => this.#surplus(all)
  }

  /** Whether a log that is not here is taken in. */
  admits(id: LogId): boolean {
    const all = this.#logs.list(this.#space)
    const present = all.filter(({ device }) => same(device, id.device))
    if (this.#authority.isTakenOut(id.device))
      return this.#authority.isNamedByCutOff(id) || this.#unnamedWithin([...present, id]).includes(id)
    if (present.length >= LIMITS.deviceLogs) return false
    // A stolen device may let in others without end: once it is taken out theirs leave room again.
    return all.length < LIMITS.spaceLogs || this.#ofMembers(all) < LIMITS.spaceLogs
  }

  /** Whether a log of a device may become two branches. */
  admitsFork({ device }: Pick<LogRow, 'device'>): boolean {
    const present = this.#logs.list(this.#space).filter((log) => same(log.device, device))
    const most = this.#authority.isTakenOut(device) ? 2 * LIMITS.deviceLogs : LIMITS.deviceLogs
    return present.length + 2 <= most
  }

  /** Logs that are here and no part of what two devices compare. */
  #surplus(logs: readonly LogRow[]): ReadonlySet<number> {
    const surplus = new Set<number>()
    if (logs.length <= LIMITS.deviceLogs) return surplus
    for (const [device, group] of Map.groupBy(logs, (log) => Buffer.from(log.device).toString('hex'))) {
      if (group.length <= LIMITS.deviceLogs) continue
      if (!this.#authority.isTakenOut(Buffer.from(device, 'hex'))) continue
      const within = new Set(this.#unnamedWithin(group))
      for (const log of group)
        if (!within.has(log) && !this.#authority.isNamedByCutOff(log)) surplus.add(log.ref)
    }
    return surplus
  }

  /** Of a device that was taken out, by name, as many as its cut-offs leave room for; whichever order they came in. */
  #unnamedWithin<T extends LogId>(logs: readonly T[]): T[] {
    const unnamed = logs.filter((log) => !this.#authority.isNamedByCutOff(log))
    const room = logs[0] ? LIMITS.deviceLogs - this.#authority.namedByCutOffs(logs[0].device) : 0
    return unnamed.sort((a, b) => Buffer.compare(a.incarnation, b.incarnation)).slice(0, Math.max(0, room))
  }

  #ofMembers(logs: readonly LogRow[]): number {
    const takenOut = new Map<string, boolean>()
    return logs.filter(({ device }) => {
      const name = Buffer.from(device).toString('hex')
      if (!takenOut.has(name)) takenOut.set(name, this.#authority.isTakenOut(device))
      return !takenOut.get(name)
    }).length
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}
