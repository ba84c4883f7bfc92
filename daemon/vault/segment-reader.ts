import type { LogPosition } from '../../crdt/frontier.ts'
import { encodeShippedSegment, type ShippedOperation } from '../../crdt/shipped-segment.ts'
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

/**
 * Signed segments of a log from a sequence on, ready to ship: at least one if there is any, and no further one once
 * `maxBytes` is reached.
 */
export function readSegments(
  sql: Sql,
  log: { readonly ref: number; readonly space: Uint8Array } & Pick<LogPosition, 'device' | 'incarnation'>,
  from: number,
  maxBytes: number,
): { segments: Uint8Array[]; upTo: number } {
  const segments: Uint8Array[] = []
  let upTo = from - 1
  let bytes = 0
  for (;;) {
    const rows = sql.all<SegmentRow>(
      `SELECT * FROM segments WHERE log = ? AND first + count > ? ORDER BY first LIMIT ${SEGMENTS_AT_ONCE}`,
      [log.ref, upTo + 1],
    )
    for (const row of rows) {
      const start = Math.max(row.first, upTo + 1)
      const { space, device, incarnation } = log
      const segment = encodeShippedSegment({
        space,
        device,
        incarnation,
        first: row.first,
        count: row.count,
        previousHash: row.previous_hash,
        membershipHead: row.membership_head,
        headHash: row.head_hash,
        signature: row.signature,
        ...(row.seed ? { seed: row.seed } : {}),
        from: start,
        operations: operationsOf(sql, log.ref, start, row.first + row.count, row.seed !== null),
      })
      if (segments.length > 0 && bytes + segment.length > maxBytes) return { segments, upTo }
      segments.push(segment)
      bytes += segment.length
      upTo = row.first + row.count - 1
    }
    if (rows.length < SEGMENTS_AT_ONCE) return { segments, upTo }
  }
}

function operationsOf(sql: Sql, log: number, from: number, end: number, seeded: boolean): ShippedOperation[] {
  return sql
    .all<OperationRow>(
      'SELECT body, commitment, salt FROM sync_operations WHERE log = ? AND seq >= ? AND seq < ? AND branch = 0 ORDER BY seq',
      [log, from, end],
    )
    .map(({ body, commitment, salt }): ShippedOperation => {
      if (!body) return { commitment: commitment! }
      return seeded ? { body } : { body, salt: salt! }
    })
}
