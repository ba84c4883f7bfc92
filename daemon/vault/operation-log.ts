import { LogChain, type LogId } from '../../crdt/log.ts'
import { commitmentOf, encodeOperation, type Operation, saltOf } from '../../crdt/operation.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { insertRows, insertSql } from './row-store.ts'
import type { Sql, SqlValue } from './sql.ts'

/** Operations not yet under a final signature: one segment that grows until it is full. */
interface OpenSegment {
  readonly row: number | undefined
  readonly first: number
  readonly count: number
  readonly bytes: number
  readonly seed: Uint8Array
  readonly previousHash: Uint8Array
  readonly membershipHead: Uint8Array
}

interface LogState {
  readonly sequence: number
  readonly head: Uint8Array
  readonly segment: OpenSegment | undefined
}

const SEED_BYTES = 32
const COLUMNS = ['log', 'seq', 'hash', 'body']

/**
 * This device's own log: appends, chains and signs. A commit signs what it added; while a segment is open, the next
 * commit's signature covers it anew and supersedes the one before, so a log keeps one signature per 256 operations
 * or 64 KiB, and one for the rest.
 */
export class OperationLog {
  readonly ref: number
  readonly #sql: Sql
  readonly #id: LogId
  readonly #chain: LogChain
  readonly #sign: (message: Uint8Array) => Uint8Array
  readonly #random: (bytes: number) => Uint8Array
  readonly #membershipHead: () => Uint8Array
  #state: LogState
  #unwritten: SqlValue[][] = []

  constructor(options: {
    sql: Sql
    ref: number
    id: LogId
    sign: (message: Uint8Array) => Uint8Array
    random: (bytes: number) => Uint8Array
    /** The head of the membership log that the next segment names. */
    membershipHead: () => Uint8Array
  }) {
    this.ref = options.ref
    this.#sql = options.sql
    this.#id = options.id
    this.#chain = new LogChain(options.id)
    this.#sign = options.sign
    this.#random = options.random
    this.#membershipHead = options.membershipHead
    this.#state = this.#load()
  }

  /** Appends one operation; answers its hash. Call `flush` before anybody reads it, `commit` before the end. */
  append(operation: Operation): Uint8Array {
    const body = encodeOperation(operation)
    if (body.length > LIMITS.operationBytes)
      throw new VivimError('TooLarge', 'One row is larger than an operation may be.')
    const segment = this.#roomFor(body.length)
    const sequence = this.#state.sequence + 1
    const commitment = commitmentOf(saltOf(segment.seed, sequence), body)
    const hash = this.#chain.hash(sequence, this.#state.head, commitment)
    this.#unwritten.push([this.ref, sequence, hash, body])
    this.#state = {
      sequence,
      head: hash,
      segment: { ...segment, count: segment.count + 1, bytes: segment.bytes + body.length },
    }
    return hash
  }

  /** Of the operation appended last. */
  get sequence(): number {
    return this.#state.sequence
  }

  /** Writes what was appended. */
  flush(): void {
    insertRows(this.#sql, (rows) => insertSql('sync_operations', COLUMNS, rows), this.#unwritten)
    this.#unwritten = []
  }

  /** Signs the open segment and stores the head. */
  commit(): void {
    this.flush()
    const { segment, sequence, head } = this.#state
    if (segment) this.#state = { ...this.#state, segment: this.#store(segment, false) }
    this.#sql.run('UPDATE logs SET head_seq = ?, head_hash = ? WHERE ref = ?', [sequence, head, this.ref])
  }

  /** Ends the open segment: the next operation begins a new one, with a new seed. */
  closeSegment(): void {
    const { segment } = this.#state
    if (segment) this.#store(segment, true)
    this.#state = { ...this.#state, segment: undefined }
  }

  /** Membership changed: what is written from now on is under its new head, so it begins a segment. */
  membershipChanged(): void {
    const { segment } = this.#state
    if (segment && Buffer.compare(segment.membershipHead, this.#membershipHead()) !== 0) this.closeSegment()
  }

  /** For a transaction that may roll back: the state to come back to. */
  snapshot(): () => void {
    const state = this.#state
    return () => {
      this.#state = state
      this.#unwritten = []
    }
  }

  #roomFor(bytes: number): OpenSegment {
    const { segment } = this.#state
    if (segment && segment.count < LIMITS.segmentOperations && segment.bytes + bytes <= LIMITS.segmentBytes)
      return segment
    this.closeSegment()
    return {
      row: undefined,
      first: this.#state.sequence + 1,
      count: 0,
      bytes: 0,
      seed: this.#random(SEED_BYTES),
      previousHash: this.#state.head,
      membershipHead: this.#membershipHead(),
    }
  }

  #store(segment: OpenSegment, closed: boolean): OpenSegment {
    const headHash = this.#state.head
    const signature = this.#sign(
      segmentMessage({
        ...this.#id,
        first: segment.first,
        count: segment.count,
        previousHash: segment.previousHash,
        membershipHead: segment.membershipHead,
        headHash,
      }),
    )
    const { count, bytes, first } = segment
    if (segment.row !== undefined) {
      this.#sql.run(
        'UPDATE segments SET count = ?, bytes = ?, head_hash = ?, closed = ?, signature = ? WHERE id = ?',
        [count, bytes, headHash, closed ? 1 : 0, signature, segment.row],
      )
      return segment
    }
    this.#sql.run(
      `INSERT INTO segments (log, first, count, bytes, previous_hash, membership_head, head_hash, seed, closed, signature)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [
        this.ref,
        first,
        count,
        bytes,
        segment.previousHash,
        segment.membershipHead,
        headHash,
        segment.seed,
        closed ? 1 : 0,
        signature,
      ],
    )
    const row = this.#sql.get<{ id: number }>('SELECT id FROM segments WHERE log = ? AND first = ?', [
      this.ref,
      first,
    ])
    return { ...segment, row: row!.id }
  }

  #load(): LogState {
    const log = this.#sql.get<{ head_seq: number; head_hash: Uint8Array }>(
      'SELECT head_seq, head_hash FROM logs WHERE ref = ?',
      [this.ref],
    )!
    const open = this.#sql.get<{
      id: number
      first: number
      count: number
      bytes: number
      seed: Uint8Array
      previous_hash: Uint8Array
      membership_head: Uint8Array
    }>('SELECT * FROM segments WHERE log = ? AND closed = 0', [this.ref])
    return {
      sequence: log.head_seq,
      head: log.head_hash,
      segment: open && {
        row: open.id,
        first: open.first,
        count: open.count,
        bytes: open.bytes,
        seed: open.seed,
        previousHash: open.previous_hash,
        membershipHead: open.membership_head,
      },
    }
  }
}
