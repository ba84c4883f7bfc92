import { type Cbor, decodeCanonical, encodeCanonical } from './cbor.ts'
import { type LogPosition, logName } from './frontier.ts'
import type { ClockState } from './hlc.ts'
import { writesOf } from './merge.ts'
import type { Operation } from './operation.ts'
import type { RowStamps, Stamp } from './stamps.ts'

/** A device that stability waits for: its key, and per log name the sequence up to which it said it holds everything. */
export interface Acknowledging {
  /** Ed25519 public key. */
  readonly device: Uint8Array
  readonly holds: ReadonlyMap<string, number>
}

/** Canonical CBOR [[device, incarnation, sequence]…] in byte order: how positions stand in a replicated column. */
export function encodePositions(positions: readonly LogPosition[]): Uint8Array {
  const items = positions
    .filter(({ sequence }) => sequence > 0)
    .map(({ device, incarnation, sequence }): Cbor[] => [device, incarnation, sequence])
    .sort((a, b) =>
      Buffer.compare(
        Buffer.concat(a.slice(0, 2) as Uint8Array[]),
        Buffer.concat(b.slice(0, 2) as Uint8Array[]),
      ),
    )
  return encodeCanonical(items)
}

/** By log name. Another program's value may be anything: what cannot be read says nothing. */
export function decodePositions(bytes: Uint8Array): Map<string, number> {
  const positions = new Map<string, number>()
  try {
    for (const item of decodeCanonical(bytes) as unknown[]) {
      const [device, incarnation, sequence] = item as [Uint8Array, Uint8Array, number]
      if (Number.isSafeInteger(sequence) && sequence > 0)
        positions.set(logName({ device, incarnation }), sequence)
    }
  } catch {
    return new Map()
  }
  return positions
}

/**
 * By log name, the sequence up to which a log is stable: every one of these devices has acknowledged it in its own log.
 * A device holds what it wrote itself. Without any device nothing is stable.
 */
export function stableSequences(
  heads: readonly LogPosition[],
  devices: readonly Acknowledging[],
): Map<string, number> {
  const stable = new Map<string, number>()
  for (const head of heads) {
    const name = logName(head)
    const held = devices.map(({ device, holds }) =>
      Buffer.compare(device, head.device) === 0 ? head.sequence : (holds.get(name) ?? 0),
    )
    const sequence = devices.length === 0 ? 0 : Math.min(head.sequence, ...held)
    if (sequence > 0) stable.set(name, sequence)
  }
  return stable
}

/** By this database's number of a log: the stamp of the last stable operation that has one. */
export type StableUpTo = (log: number) => ClockState | undefined

/** Within a log stamps grow, so an operation is stable when its stamp is not above that of a stable one. */
export function isStable(stamp: Stamp, stableUpTo: StableUpTo): boolean {
  const upTo = stableUpTo(stamp.log)
  if (!upTo) return false
  return stamp.ms < upTo.ms || (stamp.ms === upTo.ms && stamp.counter <= upTo.counter)
}

const ROW_WRITES: readonly Operation['kind'][] = ['INSERT', 'UPDATE', 'DELETE', 'UNDELETE']

/**
 * True when nothing of an operation is left in its row, and all that took its place is stable: then its body says
 * nothing that anybody needs. `own` is its stamp, `row` the merged row's stamps.
 */
export function isSupersededForGood(
  operation: Operation,
  own: Stamp,
  row: RowStamps,
  stableUpTo: StableUpTo,
): boolean {
  if (!ROW_WRITES.includes(operation.kind)) return false
  const columns = [...writesOf(operation).keys()]
  // Without columns it says that there is a row, and nothing replaces that.
  if (columns.length === 0) return false
  return columns.every((column) => {
    const winner = row.get(column)
    if (!winner) return false
    if (winner.log === own.log && Buffer.compare(winner.hash, own.hash) === 0) return false
    return isStable(winner, stableUpTo)
  })
}
