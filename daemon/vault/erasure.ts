import { createHmac, type KeyObject } from 'node:crypto'
import { encodeCanonical } from '../../crdt/cbor.ts'
import { commitmentOf, type Operation, rowOfOperation, saltOf } from '../../crdt/operation.ts'
import { secretKey } from '../../crdt/secret-key.ts'
import { ENTITY_BY_NUMBER, type ReplicatedEntity } from '../../schema/entities/index.ts'
import type { Sql } from './sql.ts'

/** A replicated row, by table and key. */
export interface RowName {
  readonly entity: ReplicatedEntity
  readonly key: string
}

/** An erased row as its ERASE names it. */
export interface Marker {
  readonly entity: ReplicatedEntity
  readonly marker: Uint8Array
}

/** Markers of erased rows: they say "not this one" to anybody who has the key, and name nothing to anybody else. */
export class ErasedMarkers {
  readonly #sql: Sql
  readonly #secret: KeyObject
  readonly #space: number
  #known: Set<string>

  constructor(sql: Sql, space: number, spaceSecret: Uint8Array) {
    this.#sql = sql
    this.#space = space
    this.#secret = secretKey(spaceSecret)
    this.#known = this.#load()
  }

  /** HMAC-SHA-256(space secret, CBOR [table, key]). */
  markerOf({ entity, key }: RowName): Uint8Array {
    return createHmac('sha256', this.#secret)
      .update(encodeCanonical([entity.number, key]))
      .digest()
  }

  has(row: RowName): boolean {
    return this.#known.size > 0 && this.#known.has(nameOf(row.entity.number, this.markerOf(row)))
  }

  /** True for a change of a row that was erased, whenever it was made. */
  covers({ kind, table, key }: Operation): boolean {
    const entity = ENTITY_BY_NUMBER.get(table)
    return kind !== 'ERASE' && entity !== undefined && this.has({ entity, key: key as string })
  }

  add(row: RowName): Uint8Array {
    const marker = this.markerOf(row)
    this.addMarker({ entity: row.entity, marker })
    return marker
  }

  addMarker({ entity, marker }: Marker): void {
    this.#sql.run('INSERT OR IGNORE INTO erased (space, table_no, marker) VALUES (?, ?, ?)', [
      this.#space,
      entity.number,
      marker,
    ])
    this.#known.add(nameOf(entity.number, marker))
  }

  /** The ERASE that made it turned out to be void. */
  removeMarker({ entity, marker }: Marker): void {
    this.#sql.run('DELETE FROM erased WHERE space = ? AND table_no = ? AND marker = ?', [
      this.#space,
      entity.number,
      marker,
    ])
    this.#known.delete(nameOf(entity.number, marker))
  }

  /** Which of these keys of a table the markers mean. */
  keysOf(entity: ReplicatedEntity, markers: ReadonlySet<string>, keys: Iterable<string>): RowName[] {
    const found: RowName[] = []
    for (const key of keys) {
      const row = { entity, key }
      if (markers.has(nameOf(entity.number, this.markerOf(row)))) found.push(row)
    }
    return found
  }

  /** After a rollback. */
  reload(): void {
    this.#known = this.#load()
  }

  #load(): Set<string> {
    return new Set(
      this.#sql
        .all<{ table_no: number; marker: Uint8Array }>(
          'SELECT table_no, marker FROM erased WHERE space = ?',
          [this.#space],
        )
        .map(({ table_no, marker }) => nameOf(table_no, marker)),
    )
  }
}

/** A marker as a map key. */
export function nameOf(table: number, marker: Uint8Array): string {
  return `${table}:${Buffer.from(marker).toString('base64')}`
}

const BATCH = 5_000
/** Enough of a body to hold its stamp, kind, table and key. */
export const BODY_HEAD_BYTES = 600

/**
 * Makes every stored operation on these rows hollow: the body goes, its commitment stays, so the chain and every
 * signature still verify. A segment's seed would let anybody confirm a guess of the missing body, so it is dropped
 * and the salts of the operations that stay are kept singly.
 */
export function hollowOperations(sql: Sql, rows: readonly RowName[]): void {
  const wanted = new Set(rows.map(({ entity, key }) => `${entity.number}:${key}`))
  if (wanted.size === 0) return
  let after = 0
  for (;;) {
    const batch = sql.all<{ id: number; log: number; seq: number; head: Uint8Array }>(
      `SELECT id, log, seq, substr(body, 1, ${BODY_HEAD_BYTES}) AS head FROM sync_operations
       WHERE id > ? AND body IS NOT NULL ORDER BY id LIMIT ${BATCH}`,
      [after],
    )
    for (const { id, log, seq, head } of batch) {
      const row = rowOfOperation(head)
      if (row && wanted.has(`${row.table}:${row.key}`)) hollow(sql, id, log, seq)
    }
    const last = batch.at(-1)
    if (!last) return
    after = last.id
  }
}

/** Of the tables this program knows. */
export function markersOf(
  erased: readonly { readonly entity: number; readonly marker: Uint8Array }[],
): Marker[] {
  return erased.flatMap(({ entity: number, marker }) => {
    const entity = ENTITY_BY_NUMBER.get(number)
    return entity ? [{ entity, marker }] : []
  })
}

/** Whether one of these stored operations is in the segment of a log that still grows. */
export function anyInOpenSegment(sql: Sql, log: number, ids: readonly number[]): boolean {
  return (
    sql.get(
      `SELECT 1 FROM sync_operations o JOIN segments s ON s.log = o.log AND s.closed = 0 AND o.seq >= s.first
       WHERE o.log = ? AND o.id IN (SELECT value FROM json_each(?)) LIMIT 1`,
      [log, JSON.stringify(ids)],
    ) !== undefined
  )
}

/** Makes these stored operations hollow. */
export function hollowByIds(sql: Sql, ids: readonly number[]): void {
  const rows = sql.all<{ id: number; log: number; seq: number }>(
    'SELECT id, log, seq FROM sync_operations WHERE id IN (SELECT value FROM json_each(?)) AND body IS NOT NULL',
    [JSON.stringify(ids)],
  )
  for (const { id, log, seq } of rows) hollow(sql, id, log, seq)
}

function hollow(sql: Sql, id: number, log: number, seq: number): void {
  dropSeed(sql, log, seq)
  const { body, salt } = sql.get<{ body: Uint8Array; salt: Uint8Array }>(
    'SELECT body, salt FROM sync_operations WHERE id = ?',
    [id],
  )!
  sql.run('UPDATE sync_operations SET body = NULL, salt = NULL, commitment = ? WHERE id = ?', [
    commitmentOf(salt, body),
    id,
  ])
}

/** Keeps the salts of a segment's operations singly, so that its seed can go. */
export function dropSeed(sql: Sql, log: number, seq: number): void {
  const segment = sql.get<{ id: number; first: number; count: number; seed: Uint8Array | null }>(
    'SELECT id, first, count, seed FROM segments WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1',
    [log, seq],
  )
  if (!segment?.seed) return
  for (let sequence = segment.first; sequence < segment.first + segment.count; sequence++)
    sql.run('UPDATE sync_operations SET salt = ? WHERE log = ? AND seq = ?', [
      saltOf(segment.seed, sequence),
      log,
      sequence,
    ])
  sql.run('UPDATE segments SET seed = NULL, closed = 1 WHERE id = ?', [segment.id])
}

/**
 * Before a segment is stored: salts of other seeds under its signature are kept singly. Answers whether there are none,
 * so that its own seed says all. Honest devices write one seed a segment, and no segment over the end of another.
 */
export function keepSalts(
  sql: Sql,
  log: number,
  { first, count, seed }: { readonly first: number; readonly count: number; readonly seed?: Uint8Array },
): boolean {
  const others = sql
    .all<{ first: number; seed: Uint8Array | null }>(
      'SELECT first, seed FROM segments WHERE log = ? AND first < ? AND first + count > ?',
      [log, first + count, first],
    )
    .filter((other) => {
      const same = other.seed && seed && Buffer.compare(other.seed, seed) === 0
      return other.first !== first || !same
    })
  for (const other of others) if (other.seed) dropSeed(sql, log, other.first)
  return others.length === 0
}
