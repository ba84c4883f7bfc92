import type { Value } from '../schema/entities/index.ts'
import { type Cbor, encodeCanonical } from './cbor.ts'
import { type CounterCell, counterSum, laterCell } from './counter.ts'
import { sha256 } from './hash.ts'
import type { LogId } from './log.ts'
import type { Operation } from './operation.ts'
import type { Stamp } from './stamps.ts'
import { followingClock, readTextChange, SharedText, type TextChange } from './text.ts'

/** One change of a counter or a text of one row, with its place. */
export interface SharedChange {
  readonly operation: Operation
  readonly stamp: Stamp
}

/** A log that operations stand in. */
export interface SharedLog extends LogId {
  /** Its name: of a branch another than its incarnation. */
  readonly name: Uint8Array
  /** The log that a branch forked from. */
  readonly parent: number | null
}

/** The log with this database's number. */
export type LogOf = (log: number) => SharedLog

/** An update of a text that is nobody's but its writer's. Whether it counts depends on what its client wrote before. */
export interface ReadUpdate {
  readonly stamp: Stamp
  readonly change: TextChange
  /** SHA-256 of the column's value. */
  readonly hash: Uint8Array
}

/** The updates among these changes of one text, without those that are void by themselves. */
export function readUpdates(changes: readonly SharedChange[], column: number, logOf: LogOf): ReadUpdate[] {
  return changes.flatMap(({ operation, stamp }) => {
    const value = operation.columns.get(column)
    const change = readTextChange(value, logOf(stamp.log))
    return change ? [{ stamp, change, hash: sha256(value as Uint8Array) }] : []
  })
}

/** An update with what its client has written into the text after it; undefined when it is void. */
export interface JudgedUpdate extends ReadUpdate {
  readonly clock: number | undefined
}

/**
 * Judges the updates of one client in the order of their stamps: each has to go on where the one before ended. In a log
 * that is the order they were written in; of branches written apart under one client the earlier stamp counts.
 */
export function judgeUpdates(updates: readonly ReadUpdate[], clock: number): JudgedUpdate[] {
  let next = clock
  return updates.toSorted(byStamp).map((update) => {
    const after = followingClock(update.change, next)
    if (after !== undefined) next = after
    return { ...update, clock: after }
  })
}

/** Those of all changes of one text that count. */
export function acceptedUpdates(
  changes: readonly SharedChange[],
  column: number,
  logOf: LogOf,
): JudgedUpdate[] {
  const byClient = Map.groupBy(readUpdates(changes, column, logOf), ({ change }) => change.client)
  return [...byClient.values()]
    .flatMap((updates) => judgeUpdates(updates, 0))
    .filter(({ clock }) => clock !== undefined)
}

function byStamp(a: ReadUpdate, b: ReadUpdate): number {
  return a.stamp.ms - b.stamp.ms || a.stamp.counter - b.stamp.counter || Buffer.compare(a.hash, b.hash)
}

/** What a COUNTER operation says of that column. */
export function cellOf({ columns }: Operation, column: number, { ms, counter }: Stamp): CounterCell {
  return { value: columns.get(column) as number, ms, counter }
}

/** What the state digest says of one counter or text. */
export type SharedState = { readonly column: number; readonly entry: Cbor; readonly value: Value }

/** A text: the hashes of its accepted updates in byte order. */
export function textEntry(column: number, hashes: readonly Uint8Array[]): Cbor {
  return [column, [...hashes].sort(Buffer.compare)]
}

/** A counter: per log its device, name and contribution, in byte order. */
export function counterEntry(column: number, cells: readonly (readonly [SharedLog, number])[]): Cbor {
  return [
    column,
    cells
      .map(([{ device, name }, value]): Cbor[] => [device, name, value])
      .sort((a, b) => Buffer.compare(encodeCanonical(a), encodeCanonical(b))),
  ]
}

/** What all changes of one row make of a counter or a text, from nothing; undefined when none of them counts. */
export function foldShared(
  type: 'counter' | 'shared_text',
  column: number,
  changes: readonly SharedChange[],
  logOf: LogOf,
): SharedState | undefined {
  const own = changes.filter(({ operation }) => operation.columns.has(column))
  if (own.length === 0) return undefined
  if (type === 'counter') {
    const cells = new Map<number, CounterCell>()
    for (const { operation, stamp } of own)
      cells.set(stamp.log, laterCell(cells.get(stamp.log), cellOf(operation, column, stamp)))
    const parts = [...cells].map(([log, { value }]) => [logOf(log), value] as const)
    return {
      column,
      entry: counterEntry(column, parts),
      value: counterSum(cells, (log) => logOf(log).parent),
    }
  }
  const accepted = acceptedUpdates(own, column, logOf)
  if (accepted.length === 0) return undefined
  const text = new SharedText()
  text.apply(accepted.map(({ change }) => change.update))
  const hashes = accepted.map(({ hash }) => hash)
  return { column, entry: textEntry(column, hashes), value: text.text }
}
