import { type ClockState, hlcFromText, hlcToText } from '../../crdt/hlc.ts'
import { VivimError } from '../../schema/errors.ts'
import { metaText } from './prepare-space.ts'
import type { Sql } from './sql.ts'

export function storeClock(sql: Sql, clock: ClockState, tag: Uint8Array): void {
  sql.run("UPDATE meta SET value = ? WHERE name = 'clock'", [hlcToText({ ...clock, device: tag })])
}

/** @throws VivimError `Corrupt` */
export function storedClock(sql: Sql): ClockState {
  const stored = hlcFromText(metaText(sql, 'clock') ?? '')
  if (!stored) throw new VivimError('Corrupt', 'The stored clock is damaged.')
  return { ms: stored.ms, counter: stored.counter }
}
