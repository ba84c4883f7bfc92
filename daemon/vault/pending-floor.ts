import { TOMBSTONE } from '../../crdt/merge.ts'
import { unpackStamps } from '../../crdt/stamps.ts'
import { VivimError } from '../../schema/errors.ts'
import type { RowName } from './erasure.ts'
import type { Sql } from './sql.ts'

/**
 * Between the proposal of a floor and the moment all devices keep to it nothing is written to a row that is about to be
 * forgotten: some devices would have let it go before they hear of the write, and others after.
 * @throws VivimError `Conflict`
 */
export function insistNotForgotten(sql: Sql, space: number, applied: string, rows: readonly RowName[]): void {
  const pending = sql.get<{ before: number | null }>(
    'SELECT before FROM floors WHERE space = ? AND id > ? ORDER BY id DESC LIMIT 1',
    [space, applied],
  )
  if (!pending || pending.before === null) return
  for (const { entity, key } of rows) {
    const row = sql.get<{ clock: Uint8Array }>(
      `SELECT clock FROM ${entity.table} WHERE space = ? AND id = ? AND deleted = 1`,
      [space, key],
    )
    const deletedAt = row && unpackStamps(row.clock).get(TOMBSTONE)?.ms
    if (deletedAt !== undefined && deletedAt <= pending.before)
      throw new VivimError(
        'Conflict',
        'That was deleted long ago and is being forgotten on all your devices.',
        {
          hint: 'Try again when they have met.',
        },
      )
  }
}
