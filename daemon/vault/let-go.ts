import type { Authority, OperationRun } from './authority.ts'
import type { FloorPositions } from './floor-positions.ts'
import type { LogRow, Logs } from './logs.ts'
import type { Sql } from './sql.ts'

interface LetGoContext {
  readonly sql: Sql
  readonly logs: Logs
  readonly authority: Authority
  readonly floorPositions: FloorPositions
  readonly space: number
}

/** Per number of a log a sequence. */
type Sequences = Record<string, number>

/**
 * A revocation may come late: its cut-off may void what took the place of bodies that are dropped here, or what a
 * snapshot brought without its operations. Such rows cannot be made again here. A cut-off means the same on every
 * device all the same: one that let go of what it would need asks others for a snapshot, and those that need one
 * themselves give none. Until then its rows show less than the others'.
 */
export function lacksOperations(sql: Sql): boolean {
  return read(sql, 'lacks_operations').lacks !== undefined
}

/** Up to these positions bodies were dropped whose place was taken. */
export function noteDropped(
  sql: Sql,
  stable: readonly { readonly ref: number; readonly stable: number }[],
): void {
  const known = read(sql, 'dropped_up_to')
  for (const { ref, stable: sequence } of stable)
    if (sequence > 0) known[ref] = Math.max(known[ref] ?? 0, sequence)
  write(sql, 'dropped_up_to', known)
}

/** Inside the transaction in which operations were judged again. */
export function noteJudged(context: LetGoContext, nowVoid: readonly OperationRun[]): void {
  // One made before would show what counts no more.
  context.sql.run('DELETE FROM snapshot_chunks WHERE root IN (SELECT root FROM snapshots WHERE own = 1)')
  context.sql.run('DELETE FROM snapshots WHERE own = 1')
  const dropped = read(context.sql, 'dropped_up_to')
  const taken = read(context.sql, 'snapshot_counts')
  const lacks =
    nowVoid.some(({ log, first }) => first <= (dropped[log] ?? 0)) ||
    voidInSnapshot(context).some(({ ref, upTo }) => upTo < (taken[ref] ?? Number.POSITIVE_INFINITY))
  if (lacks) write(context.sql, 'lacks_operations', { lacks: 1 })
}

/** This vault began again from a snapshot of a device that knew as much of membership. */
export function noteBegunAgain(context: LetGoContext): void {
  context.sql.run("DELETE FROM meta WHERE name IN ('lacks_operations', 'dropped_up_to')")
  const counts = voidInSnapshot(context).map(({ ref, upTo }) => [ref, upTo])
  write(context.sql, 'snapshot_counts', Object.fromEntries(counts))
}

/** Logs of which a snapshot stands for more than counts, with how far they count. */
export function voidInSnapshot({ logs, authority, floorPositions, space }: Omit<LetGoContext, 'sql'>) {
  return logs.list(space).flatMap((log: LogRow) => {
    const missing = floorPositions.missingUpTo(log.ref)
    const upTo = missing ? authority.countsUpTo(log) : undefined
    return missing && upTo !== undefined && upTo < missing.seq ? [{ ref: log.ref, upTo }] : []
  })
}

function read(sql: Sql, name: string): Sequences {
  const value = sql.get<{ value: string }>('SELECT value FROM meta WHERE name = ?', [name])?.value
  return value === undefined ? {} : (JSON.parse(value) as Sequences)
}

function write(sql: Sql, name: string, value: Sequences): void {
  sql.run('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)', [name, JSON.stringify(value)])
}
