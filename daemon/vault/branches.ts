import { branchName } from '../../crdt/branch.ts'
import type { LogNode } from '../../crdt/frontier.ts'
import { GENESIS_HASH } from '../../crdt/log.ts'
import type { SegmentHeader } from '../../crdt/segment.ts'
import { dropSeed } from './erasure.ts'
import type { LogRow } from './logs.ts'
import { splitCells } from './split-cells.ts'
import type { Sql } from './sql.ts'

/** What names an operation by log and sequence. */
const MOVED = [
  'sync_operations',
  'held_operations',
  'erasures',
  'void_operations',
  'text_updates',
  'snapshot_changes',
]

/** Of a log (?1) at a sequence (?2): of an operation that is here, or of the last one a snapshot stands for. */
const HASHES_AT = `SELECT hash FROM sync_operations WHERE log = ?1 AND seq = ?2
  UNION SELECT hash FROM floor_positions WHERE log = ?1 AND seq = ?2 AND kept = 0`

/** A log and its branches: each is a log of its own from the operation on in which it differs. */
export class Branches {
  readonly #sql: Sql
  readonly #space: number

  constructor(sql: Sql, space: number) {
    this.#sql = sql
    this.#space = space
  }

  /** The log chained under that incarnation, and every branch of it; the one they share first. */
  family(device: Uint8Array, incarnation: Uint8Array): LogRow[] {
    return this.#sql.all<LogRow>(
      'SELECT * FROM logs WHERE space = ?1 AND device = ?2 AND (incarnation = ?3 OR origin = ?3) ORDER BY ref',
      [this.#space, device, incarnation],
    )
  }

  isForked({ ref }: Pick<LogRow, 'ref'>): boolean {
    return this.#sql.get('SELECT 1 FROM logs WHERE parent = ? LIMIT 1', [ref]) !== undefined
  }

  /** The log of a family that holds an operation. */
  holding(family: readonly LogRow[], { sequence, hash }: LogNode): LogRow | undefined {
    return family.find(({ ref }) =>
      this.#sql.get(`SELECT 1 FROM (${HASHES_AT}) WHERE substr(hash, 1, ?3) = ?4`, [
        ref,
        sequence,
        hash.length,
        hash,
      ]),
    )
  }

  /** The hashes a family has at a sequence; of the beginning the one all logs have. */
  hashesAt(family: readonly LogRow[], sequence: number): Uint8Array[] {
    if (sequence === 0) return [GENESIS_HASH]
    return family.flatMap(({ ref }) =>
      this.#sql.all<{ hash: Uint8Array }>(HASHES_AT, [ref, sequence]).map(({ hash }) => hash),
    )
  }

  /** Where a snapshot stands for the beginning of logs of a family: the last operation of each that is not here. */
  missing(family: readonly LogRow[]): LogNode[] {
    return family.flatMap(({ ref }) =>
      this.#sql.all<LogNode>('SELECT seq AS sequence, hash FROM floor_positions WHERE log = ? AND kept = 0', [
        ref,
      ]),
    )
  }

  /** The last sequence that a snapshot stands for in a log and what its branch shares; 0 when all is here. */
  missingBefore(log: LogRow): number {
    return Math.max(0, ...this.missing([log, ...this.#ancestors(log)]).map(({ sequence }) => sequence))
  }

  /** An empty branch after `sequence - 1` of `parent`, for operations beginning with that hash. */
  begin(parent: LogRow, { sequence, hash }: LogNode): LogRow {
    const origin = parent.origin ?? parent.incarnation
    const name = branchName(parent.device, origin, hash)
    // A vault that began again may know its name and nothing else of it.
    this.#sql.run(
      `INSERT INTO logs (space, device, incarnation, origin, parent, start, head_seq, head_hash)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (space, device, incarnation) DO UPDATE SET parent = excluded.parent, start = excluded.start,
         head_seq = excluded.head_seq, head_hash = excluded.head_hash
       WHERE origin = excluded.origin AND parent IS NULL AND head_seq < start`,
      [
        this.#space,
        parent.device,
        name,
        origin,
        parent.ref,
        sequence,
        sequence - 1,
        this.#hashAt(parent, sequence - 1),
      ],
    )
    return this.#sql.get<LogRow>('SELECT * FROM logs WHERE space = ? AND device = ? AND incarnation = ?', [
      this.#space,
      parent.device,
      name,
    ])!
  }

  /** Cuts a log before a sequence: what follows becomes its branch, which is answered. */
  split(log: LogRow, sequence: number): LogRow {
    const sql = this.#sql
    const { hash } = sql.get<{ hash: Uint8Array }>(
      'SELECT hash FROM sync_operations WHERE log = ? AND seq = ?',
      [log.ref, sequence],
    )!
    // The signature over both parts stays with both; one seed in two places could not be dropped.
    if (sequence > log.start) dropSeed(sql, log.ref, sequence)
    const branch = this.begin(log, { sequence, hash })
    sql.run('UPDATE logs SET parent = ?1 WHERE parent = ?2 AND ref <> ?1', [branch.ref, log.ref])
    for (const table of MOVED)
      sql.run(`UPDATE ${table} SET log = ? WHERE log = ? AND seq >= ?`, [branch.ref, log.ref, sequence])
    splitCells(sql, log.ref, sequence, branch.ref)
    sql.run('UPDATE segments SET log = ? WHERE log = ? AND first >= ?', [branch.ref, log.ref, sequence])
    sql.run(
      `INSERT INTO segments (log, first, count, bytes, previous_hash, membership_head, head_hash, seed, closed, signature)
       SELECT ?, first, count, bytes, previous_hash, membership_head, head_hash, seed, 1, signature
       FROM segments WHERE log = ? AND first < ? AND first + count > ?`,
      [branch.ref, log.ref, sequence, sequence],
    )
    sql.run('UPDATE segments SET closed = 1 WHERE log = ?', [log.ref])
    sql.run(
      `INSERT INTO sync_cursors (device, log, sequence, acknowledged_at)
       SELECT device, ?, sequence, acknowledged_at FROM sync_cursors WHERE log = ? AND sequence >= ?`,
      [branch.ref, log.ref, sequence],
    )
    sql.run('UPDATE sync_cursors SET sequence = ?2 WHERE log = ?1 AND sequence > ?2', [log.ref, sequence - 1])
    sql.run('UPDATE logs SET head_seq = ?, head_hash = ? WHERE ref = ?', [
      log.head_seq,
      log.head_hash,
      branch.ref,
    ])
    sql.run('UPDATE logs SET head_seq = ?, head_hash = ? WHERE ref = ?', [
      sequence - 1,
      branch.head_hash,
      log.ref,
    ])
    return { ...branch, head_seq: log.head_seq, head_hash: log.head_hash }
  }

  /** Before a segment is stored that begins before its branch: what it shares keeps salts instead of seeds. */
  dropSeeds(branch: LogRow, first: number): void {
    for (const log of this.#ancestors(branch))
      for (const segment of this.#sql.all<{ first: number }>(
        'SELECT first FROM segments WHERE log = ? AND first + count > ? AND seed IS NOT NULL',
        [log.ref, first],
      ))
        dropSeed(this.#sql, log.ref, segment.first)
  }

  /** A later signature stands for an earlier one wherever that was kept. */
  supersede(branch: LogRow, segment: SegmentHeader & { signature: Uint8Array }, headHash: Uint8Array): void {
    for (const { ref } of this.#ancestors(branch))
      this.#sql.run(
        'UPDATE segments SET count = ?, head_hash = ?, signature = ? WHERE log = ? AND first = ? AND head_hash = ?',
        [segment.count, segment.headHash, segment.signature, ref, segment.first, headHash],
      )
  }

  #ancestors({ parent }: LogRow): LogRow[] {
    if (parent === null) return []
    const log = this.#sql.get<LogRow>('SELECT * FROM logs WHERE ref = ?', [parent])!
    return [log, ...this.#ancestors(log)]
  }

  #hashAt({ ref, parent, start }: LogRow, sequence: number): Uint8Array {
    if (sequence === 0) return GENESIS_HASH
    const log = sequence >= start ? ref : parent!
    return this.#sql.get<{ hash: Uint8Array }>(HASHES_AT, [log, sequence])!.hash
  }
}
