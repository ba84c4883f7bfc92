import type { ClockState } from '../../crdt/hlc.ts'
import { mergeOperation, TOMBSTONE } from '../../crdt/merge.ts'
import { decodeOperation, rowOfOperation } from '../../crdt/operation.ts'
import { type RowStamps, type Stamp, unpackStamps } from '../../crdt/stamps.ts'
import { validityOf } from '../../crdt/validity.ts'
import { REPLICATED_ENTITIES } from '../../schema/entities/index.ts'
import { BODY_HEAD_BYTES, type RowName } from './erasure.ts'
import type { OpenVault } from './open-vault-interface.ts'
import { snapshotRow } from './snapshot-rows.ts'

/** A row that is deleted, and since when. */
export interface Tombstone extends RowName {
  readonly stamp: Stamp
}

const BATCH = 5_000

/** Of rows as they are shown. Large tables have an index of these alone. */
export function* tombstones(vault: OpenVault): Generator<Tombstone> {
  for (const { entity, key, stamp } of marked(vault, 'AND deleted = 1')) yield { entity, key, stamp }
}

/**
 * Of rows as they stood at a moment. Devices come to a floor at different times: one that has heard of a later deletion
 * or restoration by then has to forget what the others did.
 */
export function tombstonesAt(vault: OpenVault, moment: ClockState): Tombstone[] {
  const found: Tombstone[] = []
  const markedSince = new Map<string, RowName>()
  for (const { entity, key, stamp, deleted } of marked(vault))
    if (isAfter(stamp, moment)) markedSince.set(`${entity.number}:${key}`, { entity, key })
    else if (deleted) found.push({ entity, key, stamp })
  return [...found, ...foldedUpTo(vault, moment, markedSince)]
}

export function isAfter(a: ClockState, b: ClockState): boolean {
  return a.ms > b.ms || (a.ms === b.ms && a.counter > b.counter)
}

/** Neither void nor taken back, and it does not wait. */
export function countsHere({ held, authority, voids }: JudgedOperations, log: number, seq: number): boolean {
  return !held.has(log, seq) && !authority.isVoid(log, seq) && !voids.covers(log, seq)
}

type JudgedOperations = Pick<OpenVault, 'held' | 'authority' | 'voids'>

/** Page by page: all rows of a large vault at once would take hundreds of megabytes. */
function* marked(
  vault: OpenVault,
  which: '' | 'AND deleted = 1' = '',
): Generator<Tombstone & { readonly deleted: boolean }> {
  for (const entity of REPLICATED_ENTITIES)
    for (let after = '', more = true; more; ) {
      const page = vault.all<{ id: string; clock: Uint8Array; deleted: number }>(
        `SELECT id, clock, deleted FROM ${entity.table} WHERE space = ? AND id > ? ${which} ORDER BY id LIMIT ${BATCH}`,
        [vault.space, after],
      )
      for (const { id, clock, deleted } of page) {
        after = id
        const stamp = unpackStamps(clock).get(TOMBSTONE)
        if (stamp) yield { entity, key: id, stamp, deleted: deleted === 1 }
      }
      more = page.length === BATCH
    }
}

/** What their operations up to a moment make of these rows. */
function foldedUpTo(vault: OpenVault, moment: ClockState, rows: ReadonlyMap<string, RowName>): Tombstone[] {
  if (rows.size === 0) return []
  const { logs } = vault
  const folds = new Map<string, { readonly stamps: RowStamps; deleted: boolean }>()
  for (const [name, row] of rows) {
    const kept = snapshotRow(vault, row)
    const stamp = kept && unpackStamps(kept.clock).get(TOMBSTONE)
    const stands = stamp && !isAfter(stamp, moment)
    folds.set(name, {
      stamps: new Map(stands ? [[TOMBSTONE, stamp]] : []),
      deleted: stands === true && kept?.columns.get(TOMBSTONE) === 1,
    })
  }
  for (const { name, log, hash, body } of operationsOn(vault, rows)) {
    const operation = decodeOperation(body)
    if (isAfter(operation.hlc, moment) || validityOf(operation) !== 'valid') continue
    const fold = folds.get(name)!
    const { ms, counter } = operation.hlc
    const stamp = { ms, counter, log, hash: hash.slice(0, 8) }
    const written = mergeOperation(fold.stamps, operation, stamp, logs.deviceOf).get(TOMBSTONE)
    if (written !== undefined) fold.deleted = written === 1
  }
  return [...folds].flatMap(([name, { stamps, deleted }]) => {
    const stamp = stamps.get(TOMBSTONE)
    return deleted && stamp ? [{ ...rows.get(name)!, stamp }] : []
  })
}

/** Those that count and do not wait. */
function* operationsOn(vault: OpenVault, rows: ReadonlyMap<string, RowName>) {
  for (let after = 0; ; ) {
    const batch = vault.all<{ id: number; log: number; seq: number; head: Uint8Array }>(
      `SELECT o.id, o.log, o.seq, substr(o.body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations o
       JOIN logs l ON l.ref = o.log
       WHERE o.id > ? AND o.body IS NOT NULL AND l.space = ? ORDER BY o.id LIMIT ${BATCH}`,
      [after, vault.space],
    )
    for (const { id, log, seq, head } of batch) {
      after = id
      const row = rowOfOperation(head)
      const name = row && `${row.table}:${row.key}`
      if (!name || !rows.has(name)) continue
      if (!countsHere(vault, log, seq)) continue
      const { hash, body } = vault.get<{ hash: Uint8Array; body: Uint8Array }>(
        'SELECT hash, body FROM sync_operations WHERE id = ?',
        [id],
      )!
      yield { name, log, hash, body }
    }
    if (batch.length < BATCH) return
  }
}
