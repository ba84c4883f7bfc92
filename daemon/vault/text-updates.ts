import type { ClockState } from '../../crdt/hlc.ts'
import {
  type JudgedUpdate,
  judgeUpdates,
  type LogOf,
  type ReadUpdate,
  readUpdates,
} from '../../crdt/shared-columns.ts'
import { placedChanges, placeText } from './placed-changes.ts'
import type { StampedOperation } from './row-store.ts'
import type { Sql } from './sql.ts'

/** One counter or text of one row: the beginning of every key. */
export type Place = readonly [space: number, table: number, key: string, column: number]

export const AT = 'space = ? AND table_no = ? AND key = ? AND column_no = ?'

/** What new updates make of a text. */
export interface TextNews {
  /** Updates that count now and did not. */
  readonly added: readonly Uint8Array[]
  /** All that count, when some count no more: the document is made again of them. */
  readonly anew: readonly Uint8Array[] | undefined
}

interface StoredUpdate {
  readonly log: number
  readonly seq: number
  readonly stamp: Uint8Array
  readonly clock: number | null
}

type PlacedUpdate = ReadUpdate & { readonly seq: number }

/** Which updates of each text there are, and which of them count. */
export class TextUpdates {
  readonly #sql: Sql
  readonly #logOf: LogOf

  constructor(sql: Sql, logOf: LogOf) {
    this.#sql = sql
    this.#logOf = logOf
  }

  /** Takes updates in; those that are there already change nothing. */
  add(place: Place, changes: readonly StampedOperation[]): TextNews {
    const fresh = this.#read(place, changes).filter((update) => !this.#has(place, update))
    const added: Uint8Array[] = []
    let isAnew = false
    for (const [client, updates] of Map.groupBy(fresh, ({ change }) => change.client)) {
      const { last, clock } = this.#standing(place, client)
      // In a log they come in order. What waited for its right to count, and a branch, may come late.
      const late =
        last !== undefined && updates.some(({ stamp }) => Buffer.compare(stampBytes(stamp), last) <= 0)
      const judged = late
        ? this.#judgeAgain(place, client, updates)
        : { updates: judgeUpdates(updates, clock), gone: false }
      if (judged.gone) isAnew = true
      for (const update of judged.updates) {
        if (this.#put(place, update as JudgedUpdate & PlacedUpdate)) added.push(update.change.update)
      }
    }
    return { added, anew: isAnew ? this.#counting(place) : undefined }
  }

  /** Hashes of those that count. */
  hashes(place: Place): Uint8Array[] {
    return this.#sql
      .all<{ hash: Uint8Array }>(`SELECT hash FROM text_updates WHERE ${AT} AND clock IS NOT NULL`, [
        ...place,
      ])
      .map(({ hash }) => hash)
  }

  /** Those that count, as the operations they came in. */
  operations(place: Place): StampedOperation[] {
    const stored = this.#stored(place, 'clock IS NOT NULL')
    return this.#operations(place, stored)
  }

  /** All that came, also what is no whole continuation of its client's edits. */
  arrived(place: Place): StampedOperation[] {
    return this.#operations(place, this.#stored(place, '1'))
  }

  /** Where a client stands: the stamp of its last update, and its clock. */
  #standing(place: Place, client: number): { last: Uint8Array | undefined; clock: number } {
    const row = this.#sql.get<{ last: Uint8Array | null; clock: number | null }>(
      `SELECT max(stamp) AS last, max(clock) AS clock FROM text_updates WHERE ${AT} AND client = ?`,
      [...place, client],
    )
    return { last: row?.last ?? undefined, clock: row?.clock ?? 0 }
  }

  #judgeAgain(place: Place, client: number, fresh: readonly PlacedUpdate[]) {
    const stored = this.#stored(place, 'client = ?', [client])
    const counted = new Set(stored.filter(({ clock }) => clock !== null).map(placeText))
    const known = this.#read(place, this.#operations(place, stored))
    const updates = judgeUpdates([...known, ...fresh], 0) as (JudgedUpdate & PlacedUpdate)[]
    const gone = updates.some(
      (update) =>
        update.clock === undefined && counted.has(placeText({ log: update.stamp.log, seq: update.seq })),
    )
    return { updates, gone }
  }

  /** Answers whether it counts now and did not. */
  #put(place: Place, { stamp, seq, change, hash, clock }: JudgedUpdate & PlacedUpdate): boolean {
    const present = this.#sql.get<{ clock: number | null }>(
      `SELECT clock FROM text_updates WHERE ${AT} AND log = ? AND seq = ?`,
      [...place, stamp.log, seq],
    )
    this.#sql.run(
      `INSERT INTO text_updates (space, table_no, key, column_no, log, seq, stamp, client, clock, hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET clock = excluded.clock`,
      [...place, stamp.log, seq, stampBytes(stamp), change.client, clock ?? null, hash],
    )
    return clock !== undefined && (present?.clock ?? null) === null
  }

  #counting(place: Place): Uint8Array[] {
    return this.#read(place, this.operations(place)).map(({ change }) => change.update)
  }

  #read([, , , column]: Place, changes: readonly StampedOperation[]): PlacedUpdate[] {
    return changes.flatMap((item) =>
      readUpdates([item], column, this.#logOf).map((update) => ({ ...update, seq: item.seq })),
    )
  }

  #has(place: Place, { stamp, seq }: PlacedUpdate): boolean {
    return (
      this.#sql.get(`SELECT 1 FROM text_updates WHERE ${AT} AND log = ? AND seq = ?`, [
        ...place,
        stamp.log,
        seq,
      ]) !== undefined
    )
  }

  #stored(place: Place, which: string, params: readonly number[] = []): StoredUpdate[] {
    return this.#sql.all<StoredUpdate>(
      `SELECT log, seq, stamp, clock FROM text_updates WHERE ${AT} AND ${which} ORDER BY stamp`,
      [...place, ...params],
    )
  }

  /** Their operations stand in the log, or came with a snapshot. */
  #operations([, table, key]: Place, stored: readonly StoredUpdate[]): StampedOperation[] {
    return placedChanges(this.#sql, table, key, stored)
  }
}

/** Big-endian: 6 bytes of milliseconds, 2 of the counter. */
export function stampBytes({ ms, counter }: ClockState): Uint8Array {
  const bytes = Buffer.alloc(8)
  bytes.writeUIntBE(ms, 0, 6)
  bytes.writeUInt16BE(counter, 6)
  return bytes
}
