import type { ClockState } from '../../crdt/hlc.ts'
import {
  itemsOfChunk,
  type SnapshotHeader,
  type SnapshotRow,
  type SnapshotShared,
} from '../../crdt/snapshot.ts'
import { packStamps, type RowStamps, type Stamp } from '../../crdt/stamps.ts'
import { validityOf } from '../../crdt/validity.ts'
import { ENTITY_BY_NUMBER, REPLICATED_ENTITIES, type Value } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import { noteBegunAgain } from './let-go.ts'
import type { OpenVault } from './open-vault.ts'
import { addRecovered } from './recovered-items.ts'
import { columnNames } from './row-store.ts'
import { sharedColumns } from './shared-column-store.ts'
import { putSnapshotChange, snapshotChangesOf } from './snapshot-changes.ts'
import { compareSnapshot, insistOnForgotten, readItem } from './snapshot-comparison.ts'
import { carriedBy, takeLogs } from './snapshot-lineage.ts'
import { putSnapshotRow } from './snapshot-rows.ts'
import type { Snapshots } from './snapshots.ts'
import type { Sql } from './sql.ts'
import { stateDigest } from './state-digest.ts'
import { isAfter } from './tombstones.ts'
import { foldUnsent, unsentOperations } from './unsent.ts'
import type { VaultTransaction } from './vault.ts'

export interface Installed {
  /** Rows written again under a new stamp, and rows that only their owner can bring back. */
  readonly reissued: number
  readonly recovered: number
}

/**
 * Begins again from a snapshot that is here whole, in one transaction: its rows and positions take the place of this
 * vault's, this device goes on in a new log, and what it wrote that nobody heard of is written again where it still
 * wins; what has no row any more is kept aside as recovered items. `follow` gets the conversations that are gone.
 * @throws VivimError `Corrupt` when the rows are not those that were signed, `Forbidden` when what is here speaks
 * against them; nothing has changed then
 */
export function installSnapshot(
  vault: OpenVault,
  snapshots: Snapshots,
  root: Uint8Array,
  follow: (tx: VaultTransaction, gone: readonly string[]) => void,
): Installed {
  const header = snapshots.headerOf(root)
  if (!header) throw new VivimError('NotFound', 'That snapshot is not here.')
  const unsent = unsentOperations(vault, header)
  const before = conversationIds(vault)
  let missing: { entity: number; marker: Uint8Array }[] = []
  const gone = compareSnapshot(vault, header, chunksOf(snapshots, root, header))
  const installed = { reissued: 0, recovered: 0 }
  vault.beginAgain(
    (tx) => {
      missing = erasedHere(vault)
      return replaceRows(vault, tx, snapshots, root, header)
    },
    (tx) => {
      insistOnForgotten(gone, tx, vault.now())
      vault.eraseAgain(
        tx,
        missing.filter(({ entity, marker }) => !isErased(tx, vault.space, entity, marker)),
      )
      const { changes, lost } = foldUnsent(
        vault,
        tx,
        unsent.map((one) => carriedBy(vault, one)),
      )
      tx.write(changes)
      for (const item of lost) addRecovered(tx, item)
      installed.reissued = changes.length
      installed.recovered = lost.length
      const after = new Set(conversationIds(vault))
      follow(
        tx,
        before.filter((id) => !after.has(id)),
      )
      tx.run(
        'INSERT OR REPLACE INTO derivation_queue (conversation_id, queued_at) SELECT id, ?1 FROM conversations WHERE space = ?2',
        [vault.now(), vault.space],
      )
      tx.run('INSERT INTO pending_purges (requested_at) VALUES (?)', [vault.now()])
      const { logs, authority, floorPositions, space } = vault
      noteBegunAgain({ sql: vault, logs, authority, floorPositions, space })
    },
  )
  return installed
}

/** What this device erased itself. Another one's ERASE comes again in its own log, or counts no more: it is not ours to say. */
function erasedHere(vault: OpenVault): { entity: number; marker: Uint8Array }[] {
  const { device } = vault.logs.deviceOf(vault.ownLog)
  return vault.all<{ entity: number; marker: Uint8Array }>(
    `SELECT table_no AS entity, marker FROM erased e WHERE space = ? AND EXISTS (
       SELECT 1 FROM erasures r JOIN logs l ON l.ref = r.log
       WHERE r.table_no = e.table_no AND r.marker = e.marker AND r.pending = 0 AND l.device = ?)`,
    [vault.space, device],
  )
}

const conversationIds = (vault: OpenVault) =>
  vault.all<{ id: string }>('SELECT id FROM conversations WHERE space = ?', [vault.space]).map(({ id }) => id)

function isErased(sql: Sql, space: number, table: number, marker: Uint8Array): boolean {
  return (
    sql.get('SELECT 1 FROM erased WHERE space = ? AND table_no = ? AND marker = ?', [
      space,
      table,
      marker,
    ]) !== undefined
  )
}

function* chunksOf(
  snapshots: Snapshots,
  root: Uint8Array,
  { chunks }: SnapshotHeader,
): Generator<Uint8Array> {
  for (const position of chunks.keys()) {
    const chunk = snapshots.readChunk(root, position)
    if (chunk.length === 0) throw new VivimError('NotFound', 'A part of that snapshot is not here.')
    yield chunk
  }
}

/** Answers the last stamp among the rows. */
function replaceRows(
  vault: OpenVault,
  tx: VaultTransaction,
  snapshots: Snapshots,
  root: Uint8Array,
  header: SnapshotHeader,
): ClockState {
  const { space, logs } = vault
  for (const { table } of REPLICATED_ENTITIES) tx.run(`DELETE FROM ${table} WHERE space = ?`, [space])
  tx.run('DELETE FROM erased WHERE space = ?', [space])
  for (const table of ['sync_operations', 'segments', 'held_operations', 'erasures', 'floor_positions'])
    tx.run(`DELETE FROM ${table} WHERE log IN (SELECT ref FROM logs WHERE space = ?)`, [space])
  for (const table of ['text_updates', 'text_documents', 'counter_cells'])
    tx.run(`DELETE FROM ${table} WHERE space = ?`, [space])
  tx.run('DELETE FROM snapshot_rows')
  tx.run('DELETE FROM snapshot_changes')
  const refs = takeLogs(vault, tx, header)
  const last = new LastStamps()
  const writer = new RowWriter(vault, tx, refs, last)
  for (const chunk of chunksOf(snapshots, root, header))
    for (const item of itemsOfChunk(chunk)) writer.add(item)
  writer.end()
  for (const [index, { sequence, hash, closed, branch }] of header.positions.entries()) {
    const ref = refs[index]!
    // A log of which nothing is taken in yet goes on from its beginning.
    if (sequence < (branch?.start ?? 1)) continue
    const stamp = last.of(ref)
    tx.run(
      'INSERT INTO floor_positions (log, seq, hash, closed, holds, kept, ms, counter) VALUES (?, ?, ?, ?, 1, 0, ?, ?)',
      [ref, sequence, hash, Number(closed), stamp?.ms ?? null, stamp?.counter ?? null],
    )
  }
  if (stateDigest(vault, logs, space) !== Buffer.from(header.stateDigest).toString('hex'))
    throw new VivimError('Corrupt', 'A peer sent a snapshot whose rows are not those that were signed.')
  tx.run("INSERT OR REPLACE INTO meta (name, value) VALUES ('floor', ?)", [header.floor])
  vault.floorPositions.settle()
  tx.run('DELETE FROM snapshot_chunks')
  tx.run('DELETE FROM snapshots')
  return last.all
}

/** Of each log the last stamp that a row has, and the last of all. */
class LastStamps {
  readonly #byLog = new Map<number, ClockState>()
  all: ClockState = { ms: 0, counter: 0 }

  see(log: number, { ms, counter }: ClockState): void {
    const stamp = { ms, counter }
    const known = this.#byLog.get(log)
    if (!known || isAfter(stamp, known)) this.#byLog.set(log, stamp)
    if (isAfter(stamp, this.all)) this.all = stamp
  }

  of(log: number): ClockState | undefined {
    return this.#byLog.get(log)
  }
}

/** Writes a snapshot's items as rows; those of one row follow each other. */
class RowWriter {
  readonly #vault: OpenVault
  readonly #tx: VaultTransaction
  readonly #refs: readonly number[]
  readonly #last: LastStamps
  #row: SnapshotRow | undefined
  /** The row whose counters and texts are coming. */
  #shared: { readonly table: number; readonly key: string } | undefined

  constructor(vault: OpenVault, tx: VaultTransaction, refs: readonly number[], last: LastStamps) {
    this.#vault = vault
    this.#tx = tx
    this.#refs = refs
    this.#last = last
  }

  add(bytes: Uint8Array): void {
    const item = readItem(bytes)
    if ('marker' in item) {
      this.end()
      const entity = entityOf(item.table)
      const { space, erasures } = this.#vault
      this.#tx.run('INSERT INTO erased (space, table_no, marker) VALUES (?, ?, ?)', [
        space,
        item.table,
        item.marker,
      ])
      for (const [place, seq, ms] of item.erases)
        erasures.add({ entity, marker: item.marker, log: this.#refAt(place), seq, ms })
      return
    }
    if ('changes' in item) {
      this.#addShared(item)
      return
    }
    const continues = this.#row?.table === item.table && this.#row.key === item.key
    if (!continues) this.end()
    this.#row = { ...item, columns: [...(this.#row?.columns ?? []), ...item.columns] }
  }

  /** Merged when all of its row is here. */
  #addShared({ table, key, column, changes }: SnapshotShared): void {
    const name = this.#row ?? this.#shared
    if (name && (name.table !== table || name.key !== key)) this.end()
    this.#shared = { table, key }
    const { number } = sharedColumns(entityOf(table)).find(([, { number }]) => number === column)?.[1] ?? {}
    if (number === undefined) throw newer()
    for (const change of changes) {
      const log = this.#refAt(change.log)
      this.#last.see(log, change)
      putSnapshotChange(this.#tx, { ...change, log, table, key, column })
    }
  }

  #endShared(): void {
    if (!this.#shared) return
    const { table, key } = this.#shared
    this.#shared = undefined
    const { rows, space } = this.#vault
    const changes = snapshotChangesOf(this.#tx, table, key)
    if (changes.some(({ operation }) => validityOf(operation) !== 'valid'))
      throw new VivimError('Corrupt', 'A peer sent a snapshot with a change that no device writes.')
    rows.merge(space, changes)
  }

  end(): void {
    this.#endRow()
    this.#endShared()
  }

  #endRow(): void {
    const row = this.#row
    if (!row) return
    this.#row = undefined
    const entity = entityOf(row.table)
    const names = columnNames(entity)
    const stamps: RowStamps = new Map()
    const columns = new Map<number, Value>()
    for (const { column, value, log, ms, counter, hash } of row.columns) {
      if (!names.has(column)) throw newer()
      const stamp = { ms, counter, log: this.#refAt(log), hash }
      stamps.set(column, shared(stamps, stamp))
      this.#last.see(stamp.log, stamp)
      columns.set(column, value)
    }
    const { space } = this.#vault
    putSnapshotRow(this.#tx, space, { entity, key: row.key }, { clock: packStamps(stamps), columns })
  }

  #refAt(place: number): number {
    const ref = this.#refs[place]
    if (ref === undefined) throw new VivimError('Corrupt', 'A peer sent a snapshot that names no log.')
    return ref
  }
}

/** One object for equal stamps: they are packed together. */
function shared(stamps: RowStamps, stamp: Stamp): Stamp {
  for (const known of stamps.values())
    if (
      known.log === stamp.log &&
      known.ms === stamp.ms &&
      known.counter === stamp.counter &&
      Buffer.compare(known.hash, stamp.hash) === 0
    )
      return known
  return stamp
}

function entityOf(table: number) {
  const entity = ENTITY_BY_NUMBER.get(table)
  if (!entity) throw newer()
  return entity
}

function newer(): VivimError {
  return new VivimError('Conflict', 'Another device runs a newer program.', {
    hint: 'Update this one: it cannot begin again from what that one holds.',
  })
}
