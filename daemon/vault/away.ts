import { LIMITS } from '../../schema/limits.ts'
import type { Sql } from './sql.ts'

/**
 * Whether this vault may have missed where the past ends, by what it saw itself: it was in step with no other device
 * for as long as a device may be away, or never was. It may have until it has been back for as long: several devices
 * that come back together meet each other first.
 */
export function mayHaveMissedFloor(sql: Sql, now: number): boolean {
  const last = lastInStep(sql)
  if (last === undefined || now - last >= LIMITS.deviceAwayMs) return true
  const since = sql.get<{ value: string }>("SELECT value FROM meta WHERE name = 'back_since'")?.value
  return since !== undefined && now - Number(since) < LIMITS.deviceAwayMs
}

/** Call before it is noted that this vault is in step with another device. */
export function noteReturn(sql: Sql, now: number): void {
  const last = lastInStep(sql)
  if (last === undefined || now - last >= LIMITS.deviceAwayMs) noteBack(sql, now)
}

/** A vault that was put back or copied may lack what the one it was made of had acknowledged. */
export function noteBack(sql: Sql, now: number): void {
  sql.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('back_since', ?)", [String(now)])
}

/** When this vault and any other device last held the same, milliseconds UTC. */
export function lastInStep(sql: Sql): number | undefined {
  return sql.get<{ at: number | null }>('SELECT max(in_sync_at) AS at FROM device_presence')?.at ?? undefined
}
