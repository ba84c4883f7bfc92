import type { LogHead, LogNode } from '../../crdt/frontier.ts'
import { LogChain } from '../../crdt/log.ts'
import { commitmentIn, decodeShippedSegment, encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import type { ForkQuery } from '../../crdt/sync-forks.ts'
import { LIMITS } from '../../schema/limits.ts'
import { Branches } from './branches.ts'
import type { LogRow } from './logs.ts'
import { readSegments } from './segment-reader.ts'
import type { Sql } from './sql.ts'

/** One sequence of a log with two operations, both signed. */
export interface Fork {
  readonly device: Uint8Array
  readonly incarnation: Uint8Array
  readonly sequence: number
  readonly foundAt: number
  /** Hashes of the operations that differ, and where each branch is now. */
  readonly branches: readonly { readonly first: Uint8Array; readonly head: LogNode }[]
  readonly resolved: boolean
}

/** Ends told of the newest segments; of the older ones about as many again. */
const RECENT_ENDS = 1_000
/** Bytes of segments that answer a query: they go in one frame. */
const ANSWER_BYTES = 160 * 1024

/** What a vault knows of forks: finding where two logs part, and the proofs. */
export class Forks {
  readonly #sql: Sql
  readonly #space: number
  readonly #spaceId: Uint8Array
  readonly branches: Branches

  constructor(sql: Sql, space: number, spaceId: Uint8Array) {
    this.#sql = sql
    this.#space = space
    this.#spaceId = spaceId
    this.branches = new Branches(sql, space)
  }

  /** A query if that head, of a log that is here, is not on any branch that is here. */
  suspect(head: LogHead): ForkQuery | undefined {
    const log = this.#sql.get<LogRow>(
      'SELECT * FROM logs WHERE space = ? AND device = ? AND incarnation = ?',
      [this.#space, head.device, head.incarnation],
    )
    const sequence = head.sequence + (log?.start ?? 1) - 1
    const incarnation = log?.origin ?? head.incarnation
    const family = this.branches.family(head.device, incarnation)
    // Beyond what is here only its operations can tell.
    if (!log || (sequence > log.head_seq && !this.branches.isForked(log))) return undefined
    if (this.branches.holding(family, { sequence, hash: head.hash })) return undefined
    // Where a snapshot stands for its beginning there is nothing to compare with.
    if (this.branches.missingBefore(log) > sequence) return undefined
    return this.query(head.device, incarnation)
  }

  query(device: Uint8Array, incarnation: Uint8Array): ForkQuery {
    const refs = JSON.stringify(this.branches.family(device, incarnation).map(({ ref }) => ref))
    const ends = this.#sql.all<LogNode>(
      `SELECT first + count - 1 AS sequence, head_hash AS hash FROM segments
       WHERE log IN (SELECT value FROM json_each(?1))
       UNION SELECT seq, hash FROM floor_positions WHERE log IN (SELECT value FROM json_each(?1)) AND kept = 0
       ORDER BY 1`,
      [refs],
    )
    const older = ends.slice(0, -RECENT_ENDS)
    const each = Math.max(1, Math.ceil(older.length / RECENT_ENDS))
    return {
      device,
      incarnation,
      ends: [...older.filter((_, index) => index % each === 0), ...ends.slice(-RECENT_ENDS)],
    }
  }

  /** Signed segments from the last end that both have on, of every branch that is here; as much as one frame takes. */
  answer({ device, incarnation, ends }: ForkQuery): Uint8Array[] {
    const family = this.branches.family(device, incarnation)
    const common = ends.findLast((end) => this.branches.holding(family, end))?.sequence ?? 0
    const segments: Uint8Array[] = []
    let room = ANSWER_BYTES
    for (const log of family) {
      if (log.head_seq <= common || room <= 0) continue
      const from = Math.max(common + 1, log.start)
      if (this.branches.missingBefore(log) >= from) continue
      const read = readSegments(this.#sql, { ...log, space: this.#spaceId }, from, room)
      for (const segment of read.segments) {
        room -= segment.length
        if ((room > 0 || segments.length === 0) && segments.length < LIMITS.syncForkSegments)
          segments.push(segment)
      }
    }
    return segments
  }

  /**
   * Keeps the proof that a log has two operations at a sequence: the signed segments of both branches, hollow, so that
   * a proof says nothing that is erased later. A third branch adds nothing to it. Of a branch that came with a snapshot
   * there is nothing to show.
   */
  prove(present: LogRow, other: LogRow, sequence: number, now: number): void {
    if (
      [present, other].some(
        (log) => this.branches.missingBefore(log) >= this.#firstOf({ ...log, start: sequence }),
      )
    )
      return
    const proofs = [present, other].map((log) => this.#hollowSegment(log, sequence))
    const { device } = present
    const incarnation = present.origin ?? present.incarnation
    this.#sql.run(
      `INSERT OR IGNORE INTO forks (space, device, incarnation, seq, first, second, found_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      [this.#space, device, incarnation, sequence, proofs[0]!, proofs[1]!, now],
    )
  }

  /** The signed segments that hold a branch's first operation, with what they say: what proves it to others. */
  evidence(log: LogRow): Uint8Array[] {
    const first = this.#firstOf(log)
    if (this.branches.missingBefore(log) >= first) return []
    return readSegments(this.#sql, { ...log, space: this.#spaceId }, first, 1).segments.slice(0, 1)
  }

  list(): Fork[] {
    return this.#sql
      .all<{
        device: Uint8Array
        incarnation: Uint8Array
        seq: number
        found_at: number
        resolution: Uint8Array | null
      }>(
        'SELECT device, incarnation, seq, found_at, resolution FROM forks WHERE space = ? ORDER BY found_at DESC, seq',
        [this.#space],
      )
      .map(({ device, incarnation, seq, found_at, resolution }) => {
        const family = this.branches.family(device, incarnation)
        return {
          device,
          incarnation,
          sequence: seq,
          foundAt: found_at,
          branches: family
            .filter(({ start, parent }) => parent !== null && start === seq)
            .map((log) => ({
              first: this.branches.hashesAt([log], seq)[0]!,
              head: { sequence: log.head_seq, hash: log.head_hash },
            })),
          resolved: resolution !== null,
        }
      })
  }

  /** Positions of forks whose proof does not verify. */
  badProofs(verify: (device: Uint8Array, segment: Uint8Array) => boolean): string[] {
    return this.#sql
      .all<{ device: Uint8Array; seq: number; first: Uint8Array; second: Uint8Array }>(
        'SELECT device, seq, first, second FROM forks WHERE space = ?',
        [this.#space],
      )
      .filter(({ device, seq, first, second }) => {
        try {
          if (!verify(device, first) || !verify(device, second)) return true
          return Buffer.compare(hashIn(first, seq), hashIn(second, seq)) === 0
        } catch {
          return true
        }
      })
      .map(({ seq }) => `fork at operation ${seq}`)
  }

  #firstOf({ ref, start }: LogRow): number {
    return (
      this.#sql.get<{ first: number }>(
        'SELECT first FROM segments WHERE log = ? AND first <= ? ORDER BY first DESC LIMIT 1',
        [ref, start],
      )?.first ?? start
    )
  }

  #hollowSegment(log: LogRow, sequence: number): Uint8Array {
    const first = this.#firstOf({ ...log, start: sequence })
    const [bytes] = readSegments(this.#sql, { ...log, space: this.#spaceId }, first, 1).segments
    const segment = decodeShippedSegment(bytes!)
    const { seed: _, ...header } = segment
    return encodeShippedSegment({
      ...header,
      operations: segment.operations.map((_, index) => ({
        commitment: commitmentIn(segment, segment.from + index).commitment,
      })),
    })
  }
}

/** The hash a whole segment gives the operation at a sequence. */
function hashIn(bytes: Uint8Array, sequence: number): Uint8Array {
  const segment = decodeShippedSegment(bytes)
  const chain = new LogChain(segment)
  let hash = segment.previousHash
  let wanted = hash
  for (let at = segment.first; at < segment.first + segment.count; at++) {
    hash = chain.hash(at, hash, commitmentIn(segment, at).commitment)
    if (at === sequence) wanted = hash
  }
  if (Buffer.compare(hash, segment.headHash) !== 0) throw new Error('a proof that is not what was signed')
  return wanted
}
