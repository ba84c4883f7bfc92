import { decodeCanonical, encodeCanonical } from '../../crdt/cbor.ts'
import { logName } from '../../crdt/frontier.ts'
import { decodeOperation } from '../../crdt/operation.ts'
import { unpackStamps } from '../../crdt/stamps.ts'
import { Conversation, Device, ENTITY_BY_NUMBER, type ReplicatedEntity } from '../../schema/entities/index.ts'
import type { Marker, RowName } from './erasure.ts'
import type { Logs } from './logs.ts'
import type { StampedOperation } from './row-store.ts'
import type { Sql } from './sql.ts'

/** An ERASE as it came, with its place and its time. */
export interface Erasure extends Marker {
  readonly log: number
  readonly seq: number
  readonly ms: number
  readonly counter: number
  readonly hash: Uint8Array
  /** When it came to be applied here, by our clock, milliseconds UTC. */
  readonly arrived?: number
  /** Marker of the conversation it takes something from here. */
  readonly touches?: Uint8Array
  /** It was among too many, and has waited. */
  readonly waited?: boolean
}

export interface WithdrawnErasure extends Marker {
  /** It waited, and hid the row of this key meanwhile. */
  readonly pending: boolean
  readonly key: string | null
}

/** ERASEs of one moment. */
export interface ErasureRun {
  readonly log: number
  readonly first: number
  readonly last: number
  readonly at: number
  readonly rows: number
  readonly conversations: number
  readonly pending: number
}

/** ERASEs within this time are one act of a person; ms. */
const RUN_MS = 1_000

/** The ERASEs a vault knows, and what devices say of having purged them. */
export class Erasures {
  readonly #sql: Sql
  readonly #logs: Logs
  readonly #space: number

  constructor(sql: Sql, logs: Logs, space: number) {
    this.#sql = sql
    this.#logs = logs
    this.#space = space
  }

  add(
    { entity, marker, log, seq, ms, arrived, touches }: Omit<Erasure, 'counter' | 'hash'>,
    pending = false,
    key?: string,
  ): void {
    this.#sql.run(
      `INSERT INTO erasures (log, seq, first, at, table_no, marker, pending, key, arrived, touches)
       VALUES (?1, ?2, ifnull((SELECT first FROM erasures WHERE log = ?1 AND seq = ?2 - 1 AND at >= ?3 - ${RUN_MS}), ?2),
         ?3, ?4, ?5, ?6, ?7, ?8, ?9)
       ON CONFLICT (log, seq) DO UPDATE SET pending = excluded.pending, key = excluded.key`,
      [log, seq, ms, entity.number, marker, pending ? 1 : 0, key ?? null, arrived ?? 0, touches ?? null],
    )
  }

  /** The row that a pending ERASE hides. */
  hiddenKey(log: number, seq: number): string | undefined {
    return (
      this.#sql.get<{ key: string | null }>(
        'SELECT key FROM erasures WHERE log = ? AND seq = ? AND pending = 1',
        [log, seq],
      )?.key ?? undefined
    )
  }

  /** Forgets the ERASEs of a run, which turned out to be void, and answers them. */
  withdraw({ log, first, last }: Pick<ErasureRun, 'log' | 'first' | 'last'>): WithdrawnErasure[] {
    const found = this.#sql.all<{
      table_no: number
      marker: Uint8Array
      pending: number
      key: string | null
    }>(
      'DELETE FROM erasures WHERE log = ? AND seq BETWEEN ? AND ? RETURNING table_no, marker, pending, key',
      [log, first, last],
    )
    return found.flatMap(({ table_no, marker, pending, key }) => {
      const entity = ENTITY_BY_NUMBER.get(table_no)
      return entity ? [{ entity, marker, pending: pending === 1, key }] : []
    })
  }

  /** Whether an ERASE of that row was applied. */
  has({ number }: ReplicatedEntity, marker: Uint8Array): boolean {
    return (
      this.#sql.get('SELECT 1 FROM erasures WHERE table_no = ? AND marker = ? AND pending = 0', [
        number,
        marker,
      ]) !== undefined
    )
  }

  /** The deletions under which ERASEs that wait hide a row. */
  hiding({ entity, key }: RowName): StampedOperation[] {
    const waiting = this.#sql.all<{ log: number; hash: Uint8Array; body: Uint8Array }>(
      `SELECT e.log, o.hash, o.body FROM erasures e
       JOIN sync_operations o ON o.log = e.log AND o.seq = e.seq AND o.branch = 0
       WHERE e.table_no = ? AND e.key = ? AND e.pending = 1`,
      [entity.number, key],
    )
    return waiting.map(({ log, hash, body }) => {
      const { ms, counter } = decodeOperation(body).hlc
      return hidingDeletion({ entity, log, hash, ms, counter }, key)
    })
  }

  runs(limit: number): ErasureRun[] {
    return this.#sql.all<ErasureRun>(
      `SELECT log, first, max(seq) AS last, min(at) AS at, count(*) AS rows,
         sum(table_no = ${Conversation.number}) AS conversations, sum(pending) AS pending
       FROM erasures GROUP BY log, first ORDER BY at DESC, log LIMIT ?`,
      [limit],
    )
  }

  /** Conversations a device erased between two moments, both included. */
  countOf(device: Uint8Array, from: number, to: number): number {
    return this.#sql.get<{ n: number }>(
      `SELECT count(*) AS n FROM erasures e JOIN logs l ON l.ref = e.log
       WHERE l.device = ? AND e.at BETWEEN ? AND ? AND e.table_no = ${Conversation.number}`,
      [device, from, to],
    )!.n
  }

  /** Conversations from which a device took something since a moment of ours; `gone`: themselves. */
  touchedBy(device: Uint8Array, since: number): { touches: Uint8Array; gone: 0 | 1 }[] {
    return this.#sql.all(
      `SELECT e.touches, max(e.table_no = ${Conversation.number} AND e.pending = 0) AS gone
       FROM erasures e JOIN logs l ON l.ref = e.log
       WHERE l.device = ? AND e.arrived >= ? AND e.touches IS NOT NULL GROUP BY e.touches`,
      [device, since],
    )
  }

  /** Where each log's last applied ERASE stands: canonical CBOR [[device, incarnation, sequence]…] in byte order. */
  applied(): Uint8Array | undefined {
    const rows = this.#sql.all<{ device: Uint8Array; incarnation: Uint8Array; seq: number }>(
      `SELECT l.device, l.incarnation, max(e.seq) AS seq FROM erasures e JOIN logs l ON l.ref = e.log
       WHERE l.space = ? AND e.pending = 0 GROUP BY e.log ORDER BY l.device, l.incarnation`,
      [this.#space],
    )
    if (rows.length === 0) return undefined
    return encodeCanonical(rows.map(({ device, incarnation, seq }) => [device, incarnation, seq]))
  }

  /** By log name: the sequence up to which a device says it has purged. */
  purgedBy(deviceDid: string): ReadonlyMap<string, number> {
    const row = this.#device(deviceDid)
    return row?.purged ? positionsIn(row.purged) : new Map()
  }

  /** What this device should say of itself now, if it has not. */
  owedBy(deviceDid: string): Uint8Array | undefined {
    const applied = this.applied()
    const said = this.#device(deviceDid)?.purged
    return applied && (!said || Buffer.compare(applied, said) !== 0) ? applied : undefined
  }

  /**
   * The time up to which mass erasures of a device are confirmed, by another one: who erases cannot confirm it. 0 when
   * none is.
   */
  confirmedUntil(deviceDid: string, device: Uint8Array): number {
    const row = this.#device(deviceDid)
    if (!row?.erasures_confirmed) return 0
    const stamp = unpackStamps(row.clock).get(Device.columns.erasures_confirmed.number)
    const own = stamp && Buffer.compare(this.#logs.deviceOf(stamp.log).device, device) === 0
    return own ? 0 : row.erasures_confirmed
  }

  /** Makes pending ERASEs of a device due, up to a moment; answers how many. */
  makeDue(device: Uint8Array, until: number): number {
    return this.#sql.run(
      `UPDATE held_operations SET until = 0 WHERE reason = 'mass-erasure' AND until > 0 AND EXISTS (
         SELECT 1 FROM erasures e JOIN logs l ON l.ref = e.log
         WHERE e.log = held_operations.log AND e.seq = held_operations.seq AND e.at <= ? AND l.device = ?)`,
      [until, device],
    )
  }

  /** Its last stamp, milliseconds UTC. */
  lastOf({ log, first }: ErasureRun): number {
    return this.#sql.get<{ at: number }>('SELECT max(at) AS at FROM erasures WHERE log = ? AND first = ?', [
      log,
      first,
    ])!.at
  }

  /** When a pending run will be applied by itself. */
  pendingUntil({ log, first, last }: ErasureRun): number | undefined {
    return (
      this.#sql.get<{ until: number | null }>(
        "SELECT max(until) AS until FROM held_operations WHERE log = ? AND seq BETWEEN ? AND ? AND reason = 'mass-erasure'",
        [log, first, last],
      )?.until ?? undefined
    )
  }

  #device(deviceDid: string) {
    return this.#sql.get<{
      clock: Uint8Array
      purged: Uint8Array | null
      erasures_confirmed: number | null
    }>('SELECT clock, purged, erasures_confirmed FROM devices WHERE space = ? AND id = ?', [
      this.#space,
      deviceDid,
    ])
  }
}

/** A deletion that no log holds: the ERASE it stands for waits in one. */
export function hidingDeletion(
  { entity, ms, counter, log, hash }: Omit<Erasure, 'marker' | 'seq'>,
  key: string,
): StampedOperation {
  return {
    entity,
    operation: {
      hlc: { ms, counter, device: new Uint8Array(8) },
      kind: 'DELETE',
      table: entity.number,
      key,
      schemaVersion: 0,
      columns: new Map(),
    },
    stamp: { ms, counter, log, hash: hash.slice(0, 8) },
    seq: 0,
  }
}

/** Another program's value may be anything: what cannot be read says nothing. */
function positionsIn(bytes: Uint8Array): Map<string, number> {
  const positions = new Map<string, number>()
  try {
    for (const item of decodeCanonical(bytes) as unknown[]) {
      const [device, incarnation, sequence] = item as [Uint8Array, Uint8Array, number]
      if (typeof sequence === 'number') positions.set(logName({ device, incarnation }), sequence)
    }
  } catch {
    return new Map()
  }
  return positions
}
