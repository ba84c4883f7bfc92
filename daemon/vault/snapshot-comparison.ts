import { deviceTag } from '../../crdt/device.ts'
import type { ClockState } from '../../crdt/hlc.ts'
import { TOMBSTONE } from '../../crdt/merge.ts'
import { decodeItem, itemsOfChunk, type SnapshotColumn, type SnapshotHeader } from '../../crdt/snapshot.ts'
import { compareStamps, type DeviceOfLog, type Stamp, unpackStamps } from '../../crdt/stamps.ts'
import {
  Conversation,
  ENTITY_BY_NUMBER,
  Message,
  MessageVersion,
  Notebook,
  REPLICATED_ENTITIES,
  type ReplicatedEntity,
  type ReplicatedEntityName,
  type Value,
} from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { messageOf } from './conversation-rows.ts'
import { voidInSnapshot } from './let-go.ts'
import type { OpenVault } from './open-vault.ts'
import { valueByNumber } from './row-store.ts'
import { refused, stampAt } from './snapshot-backing.ts'
import { type FactRow, factRows } from './state-digest.ts'
import { isAfter } from './tombstones.ts'
import type { VaultTransaction } from './vault.ts'

/** A living row of which a snapshot does not have what it says it takes in: all of it, or what is older than the rest. */
export interface MissingRow {
  readonly entity: ReplicatedEntity
  readonly row: FactRow
  /** The oldest of those operations, milliseconds. */
  readonly since: number
  /** The rows whose erase takes it along; none where a part of it is there. */
  readonly parents: readonly (readonly [ReplicatedEntityName, string])[]
}

/** How far a snapshot takes in a log that is known here. */
interface Covered {
  /** Of the last operation it takes in; undefined: it takes in all that is here. */
  readonly upTo: ClockState | undefined
  /** It takes in no more than is here. */
  readonly whole: boolean
}

/**
 * Holds a snapshot, before it takes their place, against the rows that are here. Operations that it takes in and that
 * are here must show in it; and of logs that it takes in no further than they are here it must show nothing else.
 * Answers the rows it does not have. @throws VivimError `Forbidden` when it says something else
 */
export function compareSnapshot(
  vault: OpenVault,
  header: SnapshotHeader,
  chunks: Iterable<Uint8Array>,
): MissingRow[] {
  const comparison = new Comparison(vault, header)
  for (const chunk of chunks)
    for (const bytes of itemsOfChunk(chunk)) {
      const item = readItem(bytes)
      if ('columns' in item) comparison.add(item.table, item.key, item.columns)
      else if ('changes' in item) comparison.add(item.table, item.key, [])
    }
  return comparison.end()
}

/** A row is forgotten half a year after it was deleted: one that is younger cannot have been. */
export function insistOnForgotten(missing: readonly MissingRow[], tx: VaultTransaction, now: number): void {
  for (const { entity, row, since, parents } of missing) {
    const isErased = [[entity.name as ReplicatedEntityName, row.id] as const, ...parents].some(
      ([name, key]) => tx.isErased(name, key),
    )
    if (!isErased && since > now - LIMITS.tombstoneMs)
      throw refused('A peer sent a snapshot that lacks what is too young to be forgotten.')
  }
}

/** @throws VivimError `Corrupt` */
export function readItem(bytes: Uint8Array) {
  try {
    return decodeItem(bytes)
  } catch (cause) {
    throw new VivimError('Corrupt', 'A peer sent a snapshot with a row that cannot be read.', { cause })
  }
}

class Comparison {
  readonly #vault: OpenVault
  readonly #header: SnapshotHeader
  readonly #refs: readonly (number | undefined)[]
  readonly #covered = new Map<number, Covered>()
  readonly #seen = new Set<string>()
  readonly #begunAnew: MissingRow[] = []
  #columns: SnapshotColumn[] = []
  #row: { readonly table: number; readonly key: string } | undefined

  constructor(vault: OpenVault, header: SnapshotHeader) {
    this.#vault = vault
    this.#header = header
    // What counts no more and came by a snapshot shows here still.
    const passed = new Set(voidInSnapshot(vault).map(({ ref }) => ref))
    this.#refs = header.positions.map((position) => {
      const log = vault.logs.find(vault.space, position)
      if (!log || vault.forks.branches.isForked(log)) return undefined
      const { ref, head_seq } = log
      if (passed.has(ref)) return ref
      const waits = vault.get('SELECT 1 FROM held_operations WHERE log = ?', [ref]) !== undefined
      const ends = position.sequence < head_seq
      const upTo = ends ? (stampAt(vault, ref, position.sequence) ?? NEVER) : undefined
      const all = vault.floorPositions.missingUpTo(ref) === undefined && !waits
      this.#covered.set(ref, { upTo, whole: all && position.sequence <= head_seq })
      return ref
    })
  }

  /** Columns of one row come one after the other. */
  add(table: number, key: string, columns: readonly SnapshotColumn[]): void {
    if (this.#row?.table !== table || this.#row.key !== key) this.#endRow()
    this.#row = { table, key }
    this.#columns.push(...columns)
  }

  end(): MissingRow[] {
    this.#endRow()
    return [...this.#begunAnew, ...REPLICATED_ENTITIES.flatMap((entity) => [...this.#missing(entity)])]
  }

  #endRow(): void {
    const entity = this.#row && ENTITY_BY_NUMBER.get(this.#row.table)
    const { key } = this.#row ?? {}
    const columns = this.#columns
    this.#row = undefined
    this.#columns = []
    if (!entity || key === undefined) return
    this.#seen.add(`${entity.number}:${key}`)
    const here = this.#vault.get<FactRow>(`SELECT * FROM ${entity.table} WHERE space = ? AND id = ?`, [
      this.#vault.space,
      key,
    ])
    if (here) this.#compare(entity, here, columns)
  }

  #compare(entity: ReplicatedEntity, here: FactRow, columns: readonly SnapshotColumn[]): void {
    const valueAt = valueByNumber(entity, here)
    const stamps = unpackStamps(here.clock)
    const there = new Map(columns.map((column) => [column.column, column]))
    const deletedAt = here.deleted === 1 ? stamps.get(TOMBSTONE)?.ms : undefined
    const mayBeginAnew =
      deletedAt !== undefined && !there.has(TOMBSTONE) && deletedAt <= this.#forgottenUpTo()
    const lacking: Stamp[] = []
    for (const [column, stamp] of stamps) {
      if (!this.#takesIn(stamp)) continue
      const said = there.get(column)
      if (!said) {
        if (!mayBeginAnew) lacking.push(stamp)
        continue
      }
      const order = this.#order(said, stamp)
      const value = column === TOMBSTONE ? here.deleted : valueAt(column)
      if (order < 0 || (order === 0 && !isSame(said.value, value))) throw lacks()
    }
    if (lacking.length > 0) this.#beginsAnew(entity, here, lacking, columns)
    for (const said of columns) {
      const ref = this.#refs[said.log]
      const present = stamps.get(said.column)
      if (ref === undefined || !this.#covered.get(ref)?.whole) continue
      if ((!present || this.#order(said, present) > 0) && !this.#isHollow(ref, said.hash))
        throw refused('A peer sent a snapshot that shows what no device wrote.')
    }
  }

  /** Others deleted, forgot and wrote to it again while this device was away: all that is older is gone. */
  #beginsAnew(
    entity: ReplicatedEntity,
    row: FactRow,
    lacking: readonly Stamp[],
    columns: readonly SnapshotColumn[],
  ): void {
    const isOlder = (said: SnapshotColumn) => lacking.some((stamp) => !isAfter(said, stamp))
    if (columns.some(isOlder)) throw lacks()
    const since = Math.min(...lacking.map(({ ms }) => ms))
    this.#begunAnew.push({ entity, row, since, parents: [] })
  }

  /** What was deleted before, others may have forgotten, and written to since. */
  #forgottenUpTo(): number {
    return this.#vault.now() - LIMITS.tombstoneMs + LIMITS.clockAheadMs
  }

  /** Its body was dropped here, and what took its place counts no more. */
  #isHollow(log: number, hash: Uint8Array): boolean {
    return (
      this.#vault.get(
        'SELECT 1 FROM sync_operations WHERE log = ? AND body IS NULL AND substr(hash, 1, 8) = ? LIMIT 1',
        [log, hash],
      ) !== undefined
    )
  }

  #takesIn(stamp: Stamp): boolean {
    const covered = this.#covered.get(stamp.log)
    if (!covered) return false
    const { upTo } = covered
    return !upTo || stamp.ms < upTo.ms || (stamp.ms === upTo.ms && stamp.counter <= upTo.counter)
  }

  #order(said: SnapshotColumn, stamp: Stamp): number {
    const { positions } = this.#header
    // Logs that are not known here have no number.
    const log = this.#refs[said.log] ?? -1 - said.log
    const deviceOf: DeviceOfLog = (ref) => {
      const device = ref < 0 ? positions[-1 - ref]?.device : undefined
      return device ? { device, tag: deviceTag(device) } : this.#vault.logs.deviceOf(ref)
    }
    return compareStamps({ ...said, log }, stamp, deviceOf)
  }

  *#missing(entity: ReplicatedEntity): Generator<MissingRow> {
    for (const row of factRows(this.#vault, this.#vault.space, entity)) {
      if (row.deleted === 1 || this.#seen.has(`${entity.number}:${row.id}`)) continue
      const shown = [...unpackStamps(row.clock).values()].filter((stamp) => this.#takesIn(stamp))
      if (shown.length === 0) continue
      const since = Math.min(...shown.map(({ ms }) => ms))
      yield { entity, row, since, parents: this.#parentsOf(entity, row) }
    }
  }

  #parentsOf(entity: ReplicatedEntity, row: FactRow): MissingRow['parents'] {
    const message = entity.number === MessageVersion.number ? messageOf(row.id) : undefined
    const conversation = message
      ? this.#vault.get<{ id: string | null }>(
          'SELECT conversation_id AS id FROM messages WHERE space = ? AND id = ?',
          [this.#vault.space, message],
        )?.id
      : row.conversation_id
    return [
      ...(message ? [[Message.name, message] as const] : []),
      ...(typeof conversation === 'string' ? [[Conversation.name, conversation] as const] : []),
      ...(typeof row.notebook_id === 'string' ? [[Notebook.name, row.notebook_id] as const] : []),
    ]
  }
}

/** Of a log whose operations up to there have no stamps any more nothing is known to be taken in. */
const NEVER: ClockState = { ms: -1, counter: 0 }

function lacks(): VivimError {
  return refused('A peer sent a snapshot that lacks what it says it takes in.')
}

function isSame(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b) === 0
  return a === b
}
