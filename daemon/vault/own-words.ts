import { type Stamp, unpackStamps } from '../../crdt/stamps.ts'
import { Device } from '../../schema/entities/index.ts'
import type { Logs } from './logs.ts'
import type { Sql, SqlValue } from './sql.ts'

/** What a device says of itself. */
interface OwnWord<T> {
  readonly value: T
  readonly stamp: Stamp
}

/**
 * A column of a device's row as that device wrote it: any device can write the row, as a name is given on another one,
 * but none speaks for another. Undefined when it was last written by somebody else, or never.
 */
export function ownWord<T extends SqlValue>(
  sql: Sql,
  { logs, space }: { readonly logs: Logs; readonly space: number },
  { device, deviceDid }: { readonly device: Uint8Array; readonly deviceDid: string },
  column: 'holds' | 'floor',
): OwnWord<T> | undefined {
  const row = sql.get<{ clock: Uint8Array; value: T | null }>(
    `SELECT clock, ${column} AS value FROM devices WHERE space = ? AND id = ?`,
    [space, deviceDid],
  )
  const stamp = row && unpackStamps(row.clock).get(Device.columns[column].number)
  if (!stamp || row.value === null || Buffer.compare(logs.deviceOf(stamp.log).device, device) !== 0)
    return undefined
  return { value: row.value, stamp }
}
