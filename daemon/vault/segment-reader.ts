import { encodeBranchSegment } from '../../crdt/branch.ts'
import { encodeShippedSegment, type ShippedOperation } from '../../crdt/shipped-segment.ts'
import type { LogRow } from './logs.ts'
import type { Sql } from './sql.ts'

interface SegmentRow {
  readonly first: number
  readonly count: number
  readonly previous_hash: Uint8Array
  readonly membership_head: Uint8Array
  readonly head_hash: Uint8Array
  readonly seed: Uint8Array | null
  readonly signature: Uint8Array
}

interface OperationRow {
  readonly body: Uint8Array | null
  readonly commitment: Uint8Array | null
  readonly salt: Uint8Array | null
}

const SEGMENTS_AT_ONCE = 8

type ReadLog = Pick<LogRow, 'ref' | 'device' | 'incarnation' | 'origin' | 'start'> & {
  /** The space's id. */
  readonly space: Uint8Array
}

/**
 * Signed segments of a log from a sequence on, ready to ship: at least one if there is any, and no further one once
 * `maxBytes` is reached. Those of a branch may begin before it, under the signature that covers its beginning too.
 */
export function readSegments(
  sql: Sql,
  log: ReadLog,
  from: number,
  maxBytes: number,
): { segments: Uint8Array[]; upTo: number } {
  const segments: Uint8Array[] = []
  let upTo = from - 1
  let bytes = 0
  const { head } = sql.get<{ head: number }>('SELECT head_seq AS head FROM logs WHERE ref = ?', [log.ref])!
  for (;;) {
    const rows = sql.all<SegmentRow>(
      `SELECT * FROM segments WHERE log = ? AND first + count > ? ORDER BY first LIMIT ${SEGMENTS_AT_ONCE}`,
      [log.ref, upTo + 1],
    )
    for (const row of rows) {
      // The last signature may cover operations that stand in a branch.
      if (upTo >= head) return { segments, upTo }
      // One that a later signature of the same operations stands for.
      if (row.first + row.count <= upTo + 1) continue
      const segment = shipped(sql, log, row, Math.max(row.first, upTo + 1))
      if (segments.length > 0 && bytes + segment.length > maxBytes) return { segments, upTo }
      segments.push(segment)
      bytes += segment.length
      upTo = row.first + row.count - 1
    }
    if (rows.length < SEGMENTS_AT_ONCE) return { segments, upTo }
  }
}

function shipped(sql: Sql, log: ReadLog, row: SegmentRow, from: number): Uint8Array {
  const { space, device, incarnation, origin, start } = log
  const segment = encodeShippedSegment({
    space,
    device,
    incarnation: origin ?? incarnation,
    first: row.first,
    count: row.count,
    previousHash: row.previous_hash,
    membershipHead: row.membership_head,
    headHash: row.head_hash,
    signature: row.signature,
    ...(row.seed ? { seed: row.seed } : {}),
    from,
    operations: operationsUnder<OperationRow>(sql, log.ref, row, from, 'body, commitment, salt').map(
      ({ body, commitment, salt }): ShippedOperation => {
        if (!body) return { commitment: commitment! }
        return row.seed ? { body } : { body, salt: salt! }
      },
    ),
  })
  return origin && from >= start
    ? encodeBranchSegment({ name: incarnation, before: start - 1, segment })
    : segment
}

/**
 * The operations of a segment from a sequence on, in order. Under a signature that covers a fork they stand in several
 * logs: those before it in what the branches share, those after it in the branch that has the signature too.
 */
export function operationsUnder<Row extends object>(
  sql: Sql,
  log: number,
  segment: Pick<SegmentRow, 'first' | 'count' | 'head_hash'>,
  from: number,
  columns: string,
): Row[] {
  const { first, count } = segment
  const read = (ref: number) =>
    sql.all<Row>(
      `SELECT ${columns} FROM sync_operations WHERE log = ? AND seq >= ? AND seq < ? AND branch = 0 ORDER BY seq`,
      [ref, from, first + count],
    )
  const rows = read(log)
  if (rows.length === first + count - from) return rows
  const before: Row[] = []
  for (let at = parentOf(sql, log); at !== null; at = parentOf(sql, at)) before.unshift(...read(at))
  const after: Row[] = []
  for (let at = childUnder(sql, log, segment); at !== undefined; at = childUnder(sql, at, segment))
    after.push(...read(at))
  return [...before, ...rows, ...after].slice(0, first + count - from)
}

function parentOf(sql: Sql, log: number): number | null {
  return sql.get<{ parent: number | null }>('SELECT parent FROM logs WHERE ref = ?', [log])?.parent ?? null
}

function childUnder(
  sql: Sql,
  log: number,
  { first, head_hash }: Pick<SegmentRow, 'first' | 'head_hash'>,
): number | undefined {
  return sql.get<{ ref: number }>(
    `SELECT l.ref FROM logs l JOIN segments s ON s.log = l.ref
     WHERE l.parent = ? AND s.first = ? AND s.head_hash = ? LIMIT 1`,
    [log, first, head_hash],
  )?.ref
}
