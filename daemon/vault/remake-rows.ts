import type { ClockState } from '../../crdt/hlc.ts'
import { addsUp, mergeOperation, TOMBSTONE } from '../../crdt/merge.ts'
import { decodeOperation, markerOfErase, type Operation, rowOfOperation } from '../../crdt/operation.ts'
import type { ItemName } from '../../crdt/range-fingerprints.ts'
import { compareStamps, packStamps, type RowStamps, unpackStamps } from '../../crdt/stamps.ts'
import { validityOf } from '../../crdt/validity.ts'
import { ENTITY_BY_NUMBER, type ReplicatedEntity, type Value } from '../../schema/entities/index.ts'
import type { Authority } from './authority.ts'
import { BODY_HEAD_BYTES, type ErasedMarkers } from './erasure.ts'
import type { Erasure, Erasures } from './erasures.ts'
import type { HeldOperations } from './held-operations.ts'
import type { Logs } from './logs.ts'
import type { Pace } from './pace.ts'
import { nothingReceived, type Received } from './received.ts'
import { type StampedOperation, valueByNumber } from './row-store.ts'
import { SharedColumnStore } from './shared-column-store.ts'
import { snapshotChangesOf } from './snapshot-changes.ts'
import { snapshotRow } from './snapshot-rows.ts'
import type { Sql, SqlValue } from './sql.ts'
import { entryOf, type FactRow } from './state-digest.ts'
import type { VoidOperations } from './void-operations.ts'

const BATCH = 2_000

interface OperationAt {
  readonly log: number
  readonly seq: number
  readonly hash: Uint8Array
  readonly body: Uint8Array | null
}

/** The operations that say what some rows are. */
export interface FoundOperations {
  readonly names: readonly ItemName[]
  /** By name: ids of operations. */
  readonly ids: ReadonlyMap<string, number[]>
  /** Stamps that the rows show, and of these the ones whose operation has no body any more. */
  readonly stamps: ReadonlySet<string>
  readonly hollow: Set<string>
  /** The last operation looked at. */
  upTo: number
}

export interface RemadeRows extends Received {
  /** Rows that are another by now. */
  readonly remade: number
}

/** What it needs of a vault. */
export interface RemakeContext extends Sql {
  readonly logs: Logs
  readonly held: HeldOperations
  readonly erasures: Erasures
  readonly authority: Authority
  readonly voids: VoidOperations
  readonly space: number
}

/** Makes rows again from their operations, whatever the tables say. */
export class RowRemaker {
  readonly #vault: RemakeContext
  readonly #erased: ErasedMarkers
  readonly #shared: SharedColumnStore

  constructor(vault: RemakeContext, erased: ErasedMarkers) {
    this.#vault = vault
    this.#erased = erased
    this.#shared = new SharedColumnStore(vault)
  }

  /** Looks through the logs; others get their turn meanwhile. */
  async find(names: readonly ItemName[], pace: Pace): Promise<FoundOperations> {
    const found: FoundOperations = {
      names: names.filter(({ table }) => ENTITY_BY_NUMBER.has(table)),
      ids: new Map(names.map((name) => [nameText(name), []])),
      stamps: new Set(names.flatMap((name) => this.#stampsShown(name))),
      hollow: new Set(),
      upTo: 0,
    }
    while (this.#lookAtNext(found)) await pace()
    return found
  }

  /** Inside a transaction. The clock stays. */
  remake(found: FoundOperations, clock: ClockState): RemadeRows {
    while (this.#lookAtNext(found)); // what came since
    this.#erased.reload()
    const operations: StampedOperation[] = []
    const conversations: string[] = []
    const erased: Erasure[] = []
    let remade = 0
    // Markers first: they decide which rows there are.
    for (const name of found.names.filter(({ key }) => typeof key !== 'string')) {
      const erasure = this.#erasureOf(name, found)
      if (this.#isMarked(name) === (erasure !== undefined)) continue
      remade++
      if (erasure) erased.push(erasure)
      else this.#unmark(name)
    }
    for (const name of found.names) {
      if (typeof name.key !== 'string') continue
      const entity = ENTITY_BY_NUMBER.get(name.table)!
      const before = this.#row(entity, name.key)
      operations.push(touch(entity, name.key))
      // What is derived from a message belongs to its conversation, also to the one it was in.
      if (typeof before?.conversation_id === 'string') conversations.push(before.conversation_id)
      if (this.#remakeRow(entity, name.key, before, found)) remade++
    }
    return { ...nothingReceived(clock), refolded: { operations, conversations }, erased, remade }
  }

  #remakeRow(
    entity: ReplicatedEntity,
    key: string,
    before: FactRow | undefined,
    found: FoundOperations,
  ): boolean {
    const { space } = this.#vault
    const erased = this.#erased
    const sql = this.#vault
    const row = erased.has({ entity, key }) ? undefined : this.#fold(entity, key, before, found)
    const entryBefore = before && this.#entry(entity, before)
    if (before) sql.run(`DELETE FROM ${entity.table} WHERE space = ? AND id = ?`, [space, key])
    this.#shared.remove(space, entity, key)
    if (row) {
      const columns = ['space', 'id', 'clock', 'deleted', ...Object.keys(entity.columns)]
      const values = Object.values(entity.columns).map(({ number }) => row.values.get(number) ?? null)
      sql.run(
        `INSERT INTO ${entity.table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
        [space, key, packStamps(row.stamps), row.values.get(TOMBSTONE) ?? 0, ...values] as SqlValue[],
      )
    }
    if (!erased.has({ entity, key })) this.#shared.merge(space, this.#adding(entity, key, found))
    const after = this.#row(entity, key)
    if (!entryBefore || !after) return before !== after
    return Buffer.compare(entryBefore, this.#entry(entity, after)) !== 0
  }

  #entry(entity: ReplicatedEntity, row: FactRow): Uint8Array {
    return entryOf(entity, row, this.#vault.logs, this.#shared).bytes
  }

  /** Changes of its counters and texts: all of them have their bodies. */
  #adding(entity: ReplicatedEntity, key: string, found: FoundOperations): StampedOperation[] {
    const given = snapshotChangesOf(this.#vault, entity.number, key)
    return [...given, ...this.#stamped(entity, key, found)].filter(({ operation }) => addsUp(operation))
  }

  #stamped(entity: ReplicatedEntity, key: string, found: FoundOperations): StampedOperation[] {
    return this.#counting({ table: entity.number, key }, found).map(({ operation, at }) => {
      const { ms, counter } = operation.hlc
      return {
        entity,
        operation,
        stamp: { ms, counter, log: at.log, hash: at.hash.slice(0, 8) },
        seq: at.seq,
      }
    })
  }

  #fold(entity: ReplicatedEntity, key: string, before: FactRow | undefined, found: FoundOperations) {
    const { logs, erasures } = this.#vault
    const kept = snapshotRow(this.#vault, { entity, key })
    const row = {
      stamps: kept ? unpackStamps(kept.clock) : (new Map() as RowStamps),
      values: new Map<number, Value>(kept?.columns),
    }
    const counting = this.#stamped(entity, key, found).filter(({ operation }) => !addsUp(operation))
    const writes = [...counting, ...erasures.hiding({ entity, key })]
    for (const { operation, stamp } of writes)
      for (const [column, value] of mergeOperation(row.stamps, operation, stamp, logs.deviceOf))
        row.values.set(column, value)
    if (before) this.#keepHollow(entity, before, row, found)
    // An operation without columns says that the row is there.
    return writes.length > 0 || row.stamps.size > 0 ? row : undefined
  }

  /** What an operation without a body wrote can be had from the row alone. */
  #keepHollow(
    entity: ReplicatedEntity,
    before: FactRow,
    row: { readonly stamps: RowStamps; readonly values: Map<number, Value> },
    { hollow }: FoundOperations,
  ): void {
    const valueAt = valueByNumber(entity, before)
    for (const [column, stamp] of stampsOf(before)) {
      if (!hollow.has(stampText(stamp))) continue
      const present = row.stamps.get(column)
      if (present && compareStamps(stamp, present, this.#vault.logs.deviceOf) <= 0) continue
      row.stamps.set(column, stamp)
      row.values.set(column, column === TOMBSTONE ? before.deleted : valueAt(column))
    }
  }

  /** Those that are valid, count and do not wait. */
  #counting(name: ItemName, { ids }: FoundOperations): { operation: Operation; at: OperationAt }[] {
    const { held, authority, voids } = this.#vault
    return (ids.get(nameText(name)) ?? []).flatMap((id) => {
      const at = this.#vault.get<OperationAt>(
        'SELECT log, seq, hash, body FROM sync_operations WHERE id = ?',
        [id],
      )
      if (!at?.body || held.has(at.log, at.seq) || authority.isVoid(at.log, at.seq)) return []
      if (typeof name.key === 'string' && voids.covers(at.log, at.seq)) return []
      const operation = decodeOperation(at.body)
      return validityOf(operation) === 'valid' ? [{ operation, at }] : []
    })
  }

  #erasureOf(name: ItemName, found: FoundOperations): Erasure | undefined {
    const [first] = this.#counting(name, found)
    if (!first) return this.#erasureInSnapshot(name)
    const { ms, counter } = first.operation.hlc
    const { log, seq, hash } = first.at
    const entity = ENTITY_BY_NUMBER.get(name.table)!
    return { entity, marker: name.key as Uint8Array, ms, counter, log, seq, hash }
  }

  /** One that came with a snapshot: its operation is not here. */
  #erasureInSnapshot({ table, key }: ItemName): Erasure | undefined {
    const row = this.#vault.get<{ log: number; seq: number; at: number }>(
      `SELECT e.log, e.seq, e.at FROM erasures e JOIN floor_positions f ON f.log = e.log AND f.kept = 0 AND e.seq <= f.seq
       WHERE e.table_no = ? AND e.marker = ? AND e.pending = 0`,
      [table, key],
    )
    if (!row) return undefined
    const entity = ENTITY_BY_NUMBER.get(table)!
    const { log, seq, at } = row
    return { entity, marker: key as Uint8Array, ms: at, counter: 0, log, seq, hash: new Uint8Array(32) }
  }

  #isMarked({ table, key }: ItemName): boolean {
    return (
      this.#vault.get('SELECT 1 FROM erased WHERE space = ? AND table_no = ? AND marker = ?', [
        this.#vault.space,
        table,
        key,
      ]) !== undefined
    )
  }

  #unmark({ table, key }: ItemName): void {
    const { space } = this.#vault
    this.#vault.run('DELETE FROM erased WHERE space = ? AND table_no = ? AND marker = ?', [space, table, key])
    this.#erased.reload()
  }

  #row(entity: ReplicatedEntity, key: string): FactRow | undefined {
    return this.#vault.get<FactRow>(`SELECT * FROM ${entity.table} WHERE space = ? AND id = ?`, [
      this.#vault.space,
      key,
    ])
  }

  #stampsShown({ table, key }: ItemName): string[] {
    const entity = ENTITY_BY_NUMBER.get(table)
    const row = entity && typeof key === 'string' ? this.#row(entity, key) : undefined
    return row ? [...stampsOf(row).values()].map(stampText) : []
  }

  /** Answers whether there is more. */
  #lookAtNext(found: FoundOperations): boolean {
    const batch = this.#vault.all<{ id: number; log: number; hash: Uint8Array; head: Uint8Array | null }>(
      `SELECT o.id, o.log, o.hash, substr(o.body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations o
       JOIN logs l ON l.ref = o.log WHERE o.id > ? AND l.space = ? ORDER BY o.id LIMIT ${BATCH}`,
      [found.upTo, this.#vault.space],
    )
    for (const { id, log, hash, head } of batch) {
      found.upTo = id
      if (!head) {
        const stamp = stampText({ log, hash: hash.subarray(0, 8) })
        if (found.stamps.has(stamp)) found.hollow.add(stamp)
        continue
      }
      const name = rowOfOperation(head) ?? markerOfErase(head)
      if (name) found.ids.get(nameText(name))?.push(id)
    }
    return batch.length === BATCH
  }
}

function stampsOf(row: FactRow): RowStamps {
  try {
    return unpackStamps(row.clock)
  } catch {
    return new Map()
  }
}

function stampText({ log, hash }: { readonly log: number; readonly hash: Uint8Array }): string {
  return `${log}:${Buffer.from(hash).toString('hex')}`
}

function nameText({ table, key }: ItemName): string {
  return typeof key === 'string' ? `${table}:${key}` : `${table}#${Buffer.from(key).toString('hex')}`
}

/** Stands for a row that is not what it was: no log holds it. */
function touch(entity: ReplicatedEntity, key: string): StampedOperation {
  const hlc = { ms: 0, counter: 0, device: new Uint8Array(8) }
  const operation: Operation = {
    hlc,
    kind: 'UPDATE',
    table: entity.number,
    key,
    schemaVersion: 0,
    columns: new Map(),
  }
  return { entity, operation, stamp: { ms: 0, counter: 0, log: 0, hash: new Uint8Array(8) }, seq: 0 }
}
