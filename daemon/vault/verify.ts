import { createPublicKey, type KeyObject, verify as verifyEd25519 } from 'node:crypto'
import { encodeCanonical } from '../../crdt/cbor.ts'
import { GENESIS_HASH, LogChain } from '../../crdt/log.ts'
import { addsUp, mergeOperation, TOMBSTONE } from '../../crdt/merge.ts'
import { commitmentOf, decodeOperation, saltOf } from '../../crdt/operation.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { foldShared, type SharedChange } from '../../crdt/shared-columns.ts'
import { decodeShippedSegment } from '../../crdt/shipped-segment.ts'
import { compareStamps, type RowStamps, type Stamp, unpackStamps } from '../../crdt/stamps.ts'
import { validityOf } from '../../crdt/validity.ts'
import {
  type Column,
  ENTITY_BY_NUMBER,
  REPLICATED_ENTITIES,
  type ReplicatedEntity,
  type Value,
} from '../../schema/entities/index.ts'
import { Branches } from './branches.ts'
import { damaged } from './database.ts'
import { Erasures } from './erasures.ts'
import { FloorPositions } from './floor-positions.ts'
import { HeldOperations } from './held-operations.ts'
import type { LogRow, Logs } from './logs.ts'
import type { Pace } from './pace.ts'
import { valueByNumber } from './row-store.ts'
import { operationsUnder } from './segment-reader.ts'
import { isShared, SharedColumnStore, sharedColumns } from './shared-column-store.ts'
import { allSnapshotChanges } from './snapshot-changes.ts'
import { snapshotRows } from './snapshot-rows.ts'
import type { Sql } from './sql.ts'
import { type FactRow, factRows } from './state-digest.ts'
import { VoidOperations } from './void-operations.ts'

export interface Problem {
  readonly kind: 'file' | 'chain' | 'signature' | 'operation' | 'row' | 'blob' | 'content'
  /** A log position, a row's table and key, or a hash: never content. */
  readonly where: string
  readonly message: string
}

interface OperationRow {
  readonly id: number
  readonly seq: number
  readonly hash: Uint8Array
  readonly body: Uint8Array | null
  readonly commitment: Uint8Array | null
  readonly salt: Uint8Array | null
}

interface SegmentRow {
  readonly first: number
  readonly count: number
  readonly previous_hash: Uint8Array
  readonly membership_head: Uint8Array
  readonly head_hash: Uint8Array
  readonly seed: Uint8Array | null
  readonly signature: Uint8Array
  readonly counts_to: number | null
}

interface FoldedRow {
  readonly stamps: RowStamps
  readonly values: Map<number, Value>
  /** An operation says that it is there; a text or counter whose changes are all void does not. */
  written: boolean
  /** Changes of its counters and texts. */
  readonly shared: SharedChange[]
}

/** Rows as their operations say, made without the tables: table number → key → row. */
type Fold = Map<number, Map<string, FoldedRow>>

/**
 * Checks a space from its log up: every chain link and signature, every body against its commitment, and that each
 * row is the fold of its operations. Yields to other work between pieces.
 */
export async function verifySpace(
  sql: Sql,
  logs: Logs,
  space: number,
  spaceId: Uint8Array,
  pace: Pace,
): Promise<{ operations: number; rows: number; problems: Problem[] }> {
  const problems: Problem[] = fileProblems(sql)
  const fold: Fold = new Map()
  let operations = 0
  let rows = 0
  try {
    addSnapshotRows(sql, fold)
    for (const log of logs.list(space))
      operations += await verifyLog(sql, logs, log, spaceId, fold, problems, pace)
    rows = await compareRows(sql, logs, space, fold, problems, pace)
  } catch (error) {
    // A damaged cell may be of another type than its column: the check ends there.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    problems.push({ kind: 'file', where: 'vault.db', message: 'A stored value is not what it should be.' })
  }
  return { operations, rows, problems }
}

/** What SQLite finds wrong with its own pages: an index that lacks a row would hide it without a word. */
function fileProblems(sql: Sql): Problem[] {
  try {
    return sql
      .all<{ integrity_check: string }>('PRAGMA integrity_check(20)')
      .filter(({ integrity_check }) => integrity_check !== 'ok')
      .map(({ integrity_check }) => ({ kind: 'file', where: 'vault.db', message: integrity_check }))
  } catch (cause) {
    // The statement is right: the schema that is stored beside the data is not.
    throw damaged(cause)
  }
}

async function verifyLog(
  sql: Sql,
  logs: Logs,
  log: LogRow,
  spaceId: Uint8Array,
  fold: Fold,
  problems: Problem[],
  pace: Pace,
): Promise<number> {
  const where = (sequence: number) => `log ${log.ref} operation ${sequence}`
  const key = publicKey(log.device)
  const chain = new LogChain({
    space: spaceId,
    device: log.device,
    incarnation: log.origin ?? log.incarnation,
  })
  const held = new HeldOperations(sql)
  const erasures = new Erasures(sql, logs, log.space)
  const voids = new VoidOperations(sql, logs, log.space)
  const unseen = new Branches(sql, log.space).missingBefore(log)
  const missing = new FloorPositions(sql, logs, log.space).missingUpTo(log.ref)
  // A branch goes on from the log it shares with the others; a snapshot stands for what is missing.
  const started = log.parent === null ? GENESIS_HASH : headOf(sql, log.parent)
  let previous = missing?.hash ?? started
  let sequence = missing?.seq ?? log.start - 1
  const before = sequence
  const segments = sql.all<SegmentRow>('SELECT * FROM segments WHERE log = ? ORDER BY first', [log.ref])
  for (const segment of segments) {
    await pace()
    // The first segment may have begun in what is shared, or before the snapshot.
    const shares = sequence === before && segment.first <= before
    // A signature may cover operations that another one covers as well.
    const again = sequence > before ? sequence - segment.first + 1 : 0
    const behind = again > 0 ? hashBefore(sql, log, segment.first) : previous
    const follows = again >= 0 && behind !== undefined && equal(segment.previous_hash, behind)
    const ended = missing === undefined && segment.first + segment.count <= before + 1
    if (shares ? ended : !follows)
      problems.push({
        kind: 'chain',
        where: where(segment.first),
        message: 'The segment does not follow the one before.',
      })
    const message = segmentMessage({
      space: spaceId,
      device: log.device,
      incarnation: log.origin ?? log.incarnation,
      first: segment.first,
      count: segment.count,
      previousHash: segment.previous_hash,
      membershipHead: segment.membership_head,
      headHash: segment.head_hash,
    })
    if (!verifyEd25519(null, message, key, segment.signature))
      problems.push({
        kind: 'signature',
        where: where(segment.first),
        message: 'The signature does not fit the segment.',
      })
    const rows = sql.all<OperationRow>(
      'SELECT * FROM sync_operations WHERE log = ? AND seq >= ? AND seq < ? ORDER BY seq',
      [log.ref, segment.first, segment.first + segment.count],
    )
    // What a snapshot stands for is not here to be chained.
    const partly = segment.first <= unseen
    if (rows.length !== segment.count && !partly && !endsIn(sql, chain, log, segment))
      problems.push({
        kind: 'chain',
        where: where(segment.first),
        message: 'The segment ends in another operation.',
      })
    for (const row of rows.slice(Math.max(0, again))) {
      sequence++
      const commitment = commitmentIn(row, segment.seed)
      const hash = commitment && chain.hash(sequence, previous, commitment)
      if (row.seq !== sequence || !hash || !equal(hash, row.hash))
        problems.push({
          kind: 'chain',
          where: where(row.seq),
          message: 'The operation does not fit its chain.',
        })
      previous = row.hash
      if (!row.body || row.seq > (segment.counts_to ?? Infinity)) continue
      if (!held.has(log.ref, row.seq)) {
        if (!voids.covers(log.ref, row.seq)) addToFold(fold, logs, log.ref, row, problems, where(row.seq))
        continue
      }
      const hidden = erasures.hiddenKey(log.ref, row.seq)
      if (hidden !== undefined) addToFold(fold, logs, log.ref, row, problems, where(row.seq), hidden)
    }
    const end = rows.at(-1)?.hash ?? previous
    if (rows.length === segment.count && !equal(end, segment.head_hash))
      problems.push({
        kind: 'chain',
        where: where(sequence),
        message: 'The segment ends in another operation.',
      })
  }
  if (sequence !== log.head_seq || !equal(previous, log.head_hash))
    problems.push({
      kind: 'chain',
      where: where(log.head_seq),
      message: 'The head is not the last operation.',
    })
  return sequence - before
}

/** Where this vault began again from a snapshot, its rows are what operations are folded onto. */
function addSnapshotRows(sql: Sql, fold: Fold): void {
  for (const { table, key, clock, columns } of snapshotRows(sql)) {
    const row = foldedRow(fold, table, key)
    row.written = true
    for (const [column, stamp] of unpackStamps(clock)) row.stamps.set(column, stamp)
    for (const [column, value] of columns) row.values.set(column, value)
  }
  for (const { operation, stamp } of allSnapshotChanges(sql))
    foldedRow(fold, operation.table, operation.key as string).shared.push({ operation, stamp })
}

function foldedRow(fold: Fold, table: number, key: string): FoldedRow {
  const rows = fold.get(table) ?? new Map<string, FoldedRow>()
  fold.set(table, rows)
  const row = rows.get(key) ?? { stamps: new Map(), values: new Map(), shared: [], written: false }
  rows.set(key, row)
  return row
}

/** True for a shipped segment that its device signed. */
export function segmentFits(device: Uint8Array, bytes: Uint8Array): boolean {
  const segment = decodeShippedSegment(bytes)
  return (
    equal(segment.device, device) &&
    verifyEd25519(null, segmentMessage(segment), publicKey(device), segment.signature)
  )
}

/** Chains what the signature covers, whatever log it stands in. */
function endsIn(sql: Sql, chain: LogChain, log: LogRow, segment: SegmentRow): boolean {
  const rows = operationsUnder<OperationRow>(sql, log.ref, segment, segment.first, '*')
  let hash = segment.previous_hash
  for (const row of rows) {
    const commitment = commitmentIn(row, segment.seed)
    if (!commitment) return false
    hash = chain.hash(row.seq, hash, commitment)
  }
  return rows.length === segment.count && equal(hash, segment.head_hash)
}

/** None of a log's first operation, but that of the log it goes on from, or of all beginnings. */
function hashBefore(sql: Sql, { ref, parent, start }: LogRow, sequence: number): Uint8Array | undefined {
  if (sequence === 1) return GENESIS_HASH
  const at = parent !== null && sequence <= start ? parent : ref
  return sql.get<{ hash: Uint8Array }>('SELECT hash FROM sync_operations WHERE log = ? AND seq = ?', [
    at,
    sequence - 1,
  ])?.hash
}

function headOf(sql: Sql, log: number): Uint8Array {
  return sql.get<{ head_hash: Uint8Array }>('SELECT head_hash FROM logs WHERE ref = ?', [log])!.head_hash
}

function commitmentIn(row: OperationRow, seed: Uint8Array | null): Uint8Array | undefined {
  if (!row.body) return row.commitment ?? undefined
  const salt = row.salt ?? (seed && saltOf(seed, row.seq))
  return salt ? commitmentOf(salt, row.body) : undefined
}

function addToFold(
  fold: Fold,
  logs: Logs,
  log: number,
  row: OperationRow,
  problems: Problem[],
  where: string,
  /** An ERASE that waits deletes this row meanwhile. */
  hidden?: string,
): void {
  try {
    const written = decodeOperation(row.body!)
    const operation = hidden === undefined ? written : { ...written, kind: 'DELETE' as const, key: hidden }
    if (typeof operation.key !== 'string' || validityOf(operation) !== 'valid') return
    const folded = foldedRow(fold, operation.table, operation.key)
    const { ms, counter } = operation.hlc
    const stamp = { ms, counter, log, hash: row.hash.slice(0, 8) }
    if (addsUp(operation)) folded.shared.push({ operation, stamp })
    else folded.written = true
    for (const [column, value] of mergeOperation(folded.stamps, operation, stamp, logs.deviceOf))
      folded.values.set(column, value)
  } catch {
    problems.push({ kind: 'operation', where, message: 'The operation cannot be read.' })
  }
}

async function compareRows(
  sql: Sql,
  logs: Logs,
  space: number,
  fold: Fold,
  problems: Problem[],
  pace: Pace,
): Promise<number> {
  const shared = new SharedColumnStore(sql)
  let count = 0
  for (const entity of REPLICATED_ENTITIES) {
    const expected = fold.get(entity.number) ?? new Map<string, FoldedRow>()
    for (const row of factRows(sql, space, entity)) {
      count++
      await pace()
      const folded = expected.get(row.id)
      expected.delete(row.id)
      const valueAt = valueByNumber(entity, row)
      const stamps = unpackStamps(row.clock)
      const same =
        folded !== undefined &&
        stamps.size === folded.stamps.size &&
        row.deleted === (folded.values.get(TOMBSTONE) ?? 0) &&
        // A column nobody wrote holds nothing.
        Object.values<Column>(entity.columns).every(
          (column) => isShared(column) || stamps.has(column.number) || valueAt(column.number) === null,
        ) &&
        [...folded.stamps].every(([column, stamp]) => {
          const present = stamps.get(column)
          if (!present || !sameStamp(stamp, present, logs)) return false
          const value = column === TOMBSTONE ? row.deleted : valueAt(column)
          return sameValue(value, folded.values.get(column) ?? null)
        }) &&
        sharesSame(entity, row, folded.shared, shared)
      if (!same)
        problems.push({
          kind: 'row',
          where: `${entity.name} ${row.id}`,
          message: 'The row is not the fold of its operations.',
        })
    }
    for (const [key, { written, shared: changes }] of expected)
      if (written || foldOf(entity, changes, shared).length > 0)
        problems.push({ kind: 'row', where: `${entity.name} ${key}`, message: 'The row is missing.' })
  }
  for (const table of fold.keys())
    if (!ENTITY_BY_NUMBER.has(table))
      problems.push({
        kind: 'operation',
        where: `table ${table}`,
        message: 'Operations of an unknown table.',
      })
  return count
}

/** A stamp made before a fork names the log that was cut; its operation may stand in a branch of it by now. */
function sameLog(a: number, b: number, logs: Logs): boolean {
  if (a === b) return true
  const [one, other] = [logs.at(a), logs.at(b)]
  return (
    one !== undefined &&
    other !== undefined &&
    equal(one.device, other.device) &&
    equal(one.origin ?? one.incarnation, other.origin ?? other.incarnation)
  )
}

/** The counters and texts of a row, made from their operations alone. */
function foldOf(entity: ReplicatedEntity, changes: readonly SharedChange[], store: SharedColumnStore) {
  return sharedColumns(entity).flatMap(([name, { type, number }]) =>
    [foldShared(type, number, changes, store.logOf)].flatMap((state) => (state ? [{ name, ...state }] : [])),
  )
}

function sharesSame(
  entity: ReplicatedEntity,
  row: FactRow,
  changes: readonly SharedChange[],
  store: SharedColumnStore,
): boolean {
  const folded = foldOf(entity, changes, store)
  const shown = sharedColumns(entity).every(([name]) => {
    const state = folded.find((one) => one.name === name)
    return sameValue((row[name] ?? null) as Value, state?.value ?? null)
  })
  const entries = store.entries(Number(row.space), entity, row.id) ?? []
  return shown && equal(encodeCanonical(entries), encodeCanonical(folded.map(({ entry }) => entry)))
}

function sameStamp(a: Stamp, b: Stamp, logs: Logs): boolean {
  // A damaged stamp may name a log that is not here.
  return sameLog(a.log, b.log, logs) && compareStamps(a, b, logs.deviceOf) === 0
}

function sameValue(a: Value, b: Value): boolean {
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equal(a, b)
  return a === b
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function publicKey(raw: Uint8Array): KeyObject {
  const x = Buffer.from(raw).toString('base64url')
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
}
