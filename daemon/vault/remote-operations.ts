import { isBranchSegment } from '../../crdt/branch.ts'
import { deviceTag } from '../../crdt/device.ts'
import type { ClockState } from '../../crdt/hlc.ts'
import { GENESIS_HASH, LogChain } from '../../crdt/log.ts'
import { decodeOperation, type Operation } from '../../crdt/operation.ts'
import { segmentMessage } from '../../crdt/segment.ts'
import { commitmentIn, decodeShippedSegment, type ShippedSegment } from '../../crdt/shipped-segment.ts'
import { validityOf } from '../../crdt/validity.ts'
import { voidedFrom, withoutRuns } from '../../crdt/void.ts'
import { ENTITY_BY_NUMBER } from '../../schema/entities/index.ts'
import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { Authority } from './authority.ts'
import type { Branches } from './branches.ts'
import { dropSeed, type ErasedMarkers, keepSalts } from './erasure.ts'
import type { ErasureGuard } from './erasure-guard.ts'
import type { Erasures } from './erasures.ts'
import type { FloorPositions } from './floor-positions.ts'
import type { Forks } from './forks.ts'
import type { HeldOperations } from './held-operations.ts'
import { noteJudged } from './let-go.ts'
import type { LogQuota } from './log-quota.ts'
import type { LogRow, Logs } from './logs.ts'
import { Batch, type Received } from './received.ts'
import { operationsIn, refold } from './refold.ts'
import { insertRows, insertSql, type RowStore } from './row-store.ts'
import { placeOf, type SegmentPlace } from './segment-place.ts'
import type { Sql, SqlValue } from './sql.ts'
import type { VoidOperations } from './void-operations.ts'

export interface RemoteOperationsOptions {
  readonly sql: Sql
  readonly logs: Logs
  readonly branches: Branches
  readonly forks: Forks
  readonly rows: RowStore
  readonly held: HeldOperations
  readonly erased: ErasedMarkers
  readonly erasures: Erasures
  readonly space: number
  readonly spaceId: Uint8Array
  /** The log this device writes now. */
  readonly ownLog: () => number
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean
  /** The device is certified. Whether what it writes counts is for `authority` to say. */
  readonly isCertified: (device: Uint8Array) => boolean
  readonly authority: Authority
  readonly guard: ErasureGuard
  readonly quota: LogQuota
  readonly voids: VoidOperations
  readonly floors: FloorPositions
}

const PLAIN = ['log', 'seq', 'hash', 'body']
const WITH_SALT = [...PLAIN, 'salt']
const HOLLOW = ['log', 'seq', 'hash', 'commitment']

/** Where an operation stands. */
interface Place {
  readonly log: number
  readonly seq: number
  readonly hash: Uint8Array
}

/** A decoded operation with its place. */
interface Arrived {
  readonly seq: number
  readonly hash: Uint8Array
  readonly commitment: Uint8Array
  readonly body: Uint8Array | undefined
  readonly salt: Uint8Array | undefined
  readonly operation: Operation | undefined
  /** It changes a row that was erased for good: what it says is not kept. */
  readonly erased: boolean
}

/**
 * Takes in what other devices wrote: checks canonical form, authority, chain and signature, stores, and merges or
 * holds. Runs inside the caller's transaction; anything that does not verify throws, and nothing of the batch stays.
 */
export class RemoteOperations {
  readonly #deps: RemoteOperationsOptions

  constructor(options: RemoteOperationsOptions) {
    this.#deps = options
  }

  /** @throws VivimError `Forbidden` for a device that may not write here, `Corrupt` for what does not verify */
  receive(segments: readonly Uint8Array[], clock: ClockState, now: number): Received {
    const batch = new Batch(clock, now)
    for (const bytes of segments) this.#segment(decode(bytes), isBranchSegment(bytes), batch)
    return this.#finish(batch)
  }

  /** After membership changed: rows of what counts no more are made again, and what waited for it is placed. */
  rejudge(clock: ClockState, now: number): Received {
    const { authority, held, sql } = this.#deps
    const batch = new Batch(clock, now)
    const { nowVoid, nowCounting, undecided } = this.#withVoids(batch, () => authority.rejudge())
    batch.nowVoid.push(...nowVoid)
    const { logs, space, floors: floorPositions } = this.#deps
    noteJudged({ sql, logs, authority, floorPositions, space }, nowVoid)
    const waited = held.takeUndecided()
    for (const { log, seq, hash, body } of [
      ...nowCounting.flatMap((run) => operationsIn(sql, run)),
      ...waited,
    ]) {
      const waits = undecided.some((run) => run.log === log && seq >= run.first && seq <= run.last)
      if (waits) held.add(log, seq, 'membership', null)
      else if (body) this.#placeStored({ log, seq, hash }, body, batch)
    }
    return this.#finish(batch)
  }

  /** Merges held operations that are due. Those of tables this program still does not know go back to waiting. */
  release(clock: ClockState, now: number, fromNewerProgram = false): Received {
    const { held } = this.#deps
    const batch = new Batch(clock, now)
    const due = [...held.takeDue(now), ...(fromNewerProgram ? held.takeUnknown() : [])]
    for (const { log, seq, hash, body, reason } of due)
      if (body) this.#placeStored({ log, seq, hash }, body, batch, reason === 'mass-erasure')
    return this.#finish(batch)
  }

  #finish(batch: Batch): Received {
    const { rows, space, ownLog } = this.#deps
    this.#settleVoids(batch)
    const refolded = refold(this.#deps, batch.nowVoid, batch.voided)
    rows.merge(space, batch.merging)
    this.#guard(batch)
    return batch.received(ownLog(), refolded)
  }

  #segment(segment: ShippedSegment, ofBranch: boolean, batch: Batch): void {
    const { spaceId, isCertified, verify } = this.#deps
    if (!equal(segment.space, spaceId)) throw invalid('of another space')
    if (!isCertified(segment.device))
      throw new VivimError('Forbidden', 'A device that is not certified wrote that segment.')
    const last = segment.first + segment.count - 1
    const log = this.#deps.logs.find(this.#deps.space, segment)
    if (!log && !this.#deps.quota.admits(segment)) {
      batch.passedOver++
      return
    }
    const head = log?.head_seq ?? 0
    const forked = log !== undefined && this.#deps.branches.isForked(log)
    const missing = log && this.#deps.floors.missingUpTo(log.ref)
    if (!forked) {
      // Where a snapshot stands for a log's beginning there is nothing to compare with.
      const unseen = missing !== undefined && last <= missing.seq
      if (last <= head && (unseen || equal(this.#hashAt(log, last), segment.headHash))) return
      const end = log && this.#deps.floors.closedAt(log.ref)
      // Its device was away too long: it goes on in another log, and says there what still counts.
      if (end !== undefined && last > end) return
      if (!log && this.#deps.floors.refusesNewLog(segment.device)) return
      if (segment.from > head + 1) {
        // What the branches share may still be on its way, or this goes on where another branch was set aside.
        if (!ofBranch && !log) throw invalid('with a gap before it')
        batch.apart.push(segment)
        return
      }
    }
    const inside = missing !== undefined && segment.first <= missing.seq
    const follows =
      last > head &&
      segment.from <= head + 1 &&
      !forked &&
      (inside || equal(this.#hashAt(log, segment.first - 1), segment.previousHash))
    const arrived = follows ? this.#chain(segment, head, log?.head_hash ?? GENESIS_HASH, log) : undefined
    if (!verify(segment.device, segmentMessage(segment), segment.signature))
      throw invalid('with a bad signature')
    if (arrived) this.#take(log ?? this.#newLog(segment), segment, arrived, batch)
    else this.#branch(segment, batch)
  }

  #newLog(segment: ShippedSegment): LogRow {
    const { logs, space } = this.#deps
    logs.add(space, segment)
    return logs.find(space, segment)!
  }

  #take(log: LogRow, segment: ShippedSegment, arrived: readonly Arrived[], batch: Batch): void {
    const { ref } = log
    this.#store(log, segment, arrived)
    const held = this.#judge(log, segment, batch)
    for (const { operation, erased, seq, hash } of arrived) {
      if (held) this.#deps.held.add(ref, seq, 'membership', null)
      else if (operation) this.#place(operation, erased, { log: ref, seq, hash }, batch)
    }
    batch.operations += arrived.length
    batch.grown.add(ref)
  }

  /** Judges what was stored, and what was there before where that may change; answers whether it has to wait. */
  #judge(log: LogRow, { first, count }: ShippedSegment, batch: Batch): boolean {
    const { authority } = this.#deps
    const { ref, head_seq: head } = log
    if (first > head && !authority.reachesCutOff(log, first, first + count - 1))
      return authority.judge(log, first).held
    // A signature that supersedes an earlier one may name another head; a cut-off may be of another branch.
    for (const run of this.#withVoids(batch, () => authority.rejudgeLog(log)).nowVoid)
      if (run.first <= head) batch.nowVoid.push({ ...run, log: ref, last: Math.min(run.last, head) })
    return authority.judge(log, first).held
  }

  /** A segment of a log that is written apart, or seems to be: finds its branch, or begins it. */
  #branch(segment: ShippedSegment, batch: Batch): void {
    const { branches } = this.#deps
    const { device, incarnation } = segment
    const family = branches.family(device, incarnation)
    const place = placeOf(branches, family, segment)
    if (place.kind === 'broken') throw invalid('that ends in another operation')
    if (place.kind === 'apart') batch.apart.push({ device, incarnation })
    if (place.kind !== 'new') return
    const { sequence, previous } = place
    const parent = branches.holding(family, { sequence: sequence - 1, hash: previous }) ?? family[0]
    const arrived = this.#chain(segment, sequence - 1, previous, parent)!
    if (!parent || (parent.head_seq === sequence - 1 && !branches.isForked(parent)))
      this.#take(parent ?? this.#newLog(segment), segment, arrived, batch)
    else if (this.#deps.quota.admitsFork(parent)) this.#fork(parent, place, segment, arrived, batch)
    else batch.passedOver++
  }

  /** An operation beside the one that follows its predecessor here: both are kept, each on a branch of its own. */
  #fork(
    parent: LogRow,
    { sequence, hash, previous }: Extract<SegmentPlace, { kind: 'new' }>,
    segment: ShippedSegment,
    arrived: readonly Arrived[],
    batch: Batch,
  ): void {
    const { branches } = this.#deps
    const own = parent.ref === this.#deps.ownLog()
    const present = this.#present(parent, sequence, batch)
    const cut = { ...parent, head_seq: sequence - 1, head_hash: previous }
    const branch = branches.begin(cut, { sequence, hash })
    this.#take(branch, segment, arrived, batch)
    this.#deps.forks.prove(present, branch, sequence, batch.now)
    for (const log of [present, branch]) batch.evidence.push(...this.#deps.forks.evidence(log))
    // The log is nobody's any more: who wrote it goes on in another.
    if (own) batch.grown.add(parent.ref)
  }

  /** The branch that was here first. */
  #present(parent: LogRow, sequence: number, batch: Batch): LogRow {
    const { branches, logs, space } = this.#deps
    if (parent.head_seq < sequence) return logs.list(space).find((log) => log.parent === parent.ref)!
    const branch = this.#withVoids(batch, () => branches.split(parent, sequence))
    batch.moved(parent.ref, sequence, branch.ref)
    return branch
  }

  /** The operations after `head`, each hash made from the one before; the last must be the segment's head. */
  #chain(
    segment: ShippedSegment,
    head: number,
    headHash: Uint8Array,
    log: LogRow | undefined,
  ): Arrived[] | undefined {
    const chain = new LogChain(segment)
    const tag = deviceTag(segment.device)
    const last = segment.first + segment.count - 1
    let previous = headHash
    let before = log && this.#lastStamp(log.ref, head)
    const arrived: Arrived[] = []
    let grows = true
    for (let seq = head + 1; seq <= last; seq++) {
      const { commitment, salt } = commitmentIn(segment, seq)
      const hash = chain.hash(seq, previous, commitment)
      previous = hash
      const shipped = segment.operations[seq - segment.from]!
      const body = 'body' in shipped ? shipped.body : undefined
      const operation = body && decodeBody(body)
      if (operation) {
        if (!equal(operation.hlc.device, tag)) throw invalid("with another device's stamp")
        grows &&= before === undefined || isLater(operation.hlc, before)
        before = operation.hlc
      }
      // A marker is an HMAC: made once, here, for storing and for merging.
      const erased = operation !== undefined && this.#deps.erased.covers(operation)
      arrived.push({ seq, hash, commitment, body, salt, operation, erased })
    }
    // Of another branch the operations before these are not the ones here.
    if (!equal(previous, segment.headHash)) return undefined
    if (!grows) throw invalid('whose stamps do not grow')
    return arrived
  }

  #store(log: LogRow, segment: ShippedSegment, arrived: readonly Arrived[]): void {
    const { sql, branches } = this.#deps
    const { ref } = log
    const shared = segment.first < log.start
    if (shared) branches.dropSeeds(log, segment.first)
    // Under a signature that covers a fork each operation keeps its salt: one seed in two places could not be dropped.
    const hollow = shared || arrived.some(({ body, erased }) => !body || erased)
    const stored = sql.get<{ seed: Uint8Array | null; head_hash: Uint8Array }>(
      'SELECT seed, head_hash FROM segments WHERE log = ? AND first = ?',
      [ref, segment.first],
    )
    const alone = keepSalts(sql, ref, segment)
    const keepsSeed = segment.seed !== undefined && !hollow && alone
    if (stored?.seed && !keepsSeed) dropSeed(sql, ref, segment.first)
    const plain: SqlValue[][] = []
    const salted: SqlValue[][] = []
    const bare: SqlValue[][] = []
    for (const { seq, hash, body, salt, commitment, erased } of arrived) {
      if (erased || !body) bare.push([ref, seq, hash, commitment])
      else if (keepsSeed) plain.push([ref, seq, hash, body])
      else salted.push([ref, seq, hash, body, salt ?? null])
    }
    insertRows(sql, (rows) => insertSql('sync_operations', PLAIN, rows), plain)
    insertRows(sql, (rows) => insertSql('sync_operations', WITH_SALT, rows), salted)
    insertRows(sql, (rows) => insertSql('sync_operations', HOLLOW, rows), bare)
    const bytes = arrived.reduce((sum, { body }) => sum + (body?.length ?? 0), 0)
    sql.run(
      `INSERT INTO segments (log, first, count, bytes, previous_hash, membership_head, head_hash, seed, closed, signature)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)
       ON CONFLICT (log, first) DO UPDATE SET count = excluded.count, bytes = bytes + excluded.bytes,
         membership_head = excluded.membership_head, head_hash = excluded.head_hash, seed = excluded.seed,
         closed = 1, signature = excluded.signature`,
      [
        ref,
        segment.first,
        segment.count,
        bytes,
        segment.previousHash,
        segment.membershipHead,
        segment.headHash,
        keepsSeed ? segment.seed! : null,
        segment.signature,
      ],
    )
    if (shared && stored) branches.supersede(log, segment, stored.head_hash)
    this.#deps.logs.advance(ref, segment.first + segment.count - 1, segment.headHash)
  }

  #placeStored(at: Place, body: Uint8Array, batch: Batch, waited = false): void {
    const operation = decodeOperation(body)
    this.#place(operation, this.#deps.erased.covers(operation), at, batch, waited)
  }

  #place(operation: Operation, erased: boolean, at: Place, batch: Batch, waited = false): void {
    const { held, authority, voids } = this.#deps
    const { ms, counter } = operation.hlc
    if (authority.isVoid(at.log, at.seq)) return
    if (operation.kind === 'VOID') {
      this.#void(operation, at, batch)
      return
    }
    const voided = voids.covers(at.log, at.seq)
    // Its stamp is of a clock that went wrong; what an ERASE purged cannot come back.
    if (voided && operation.kind !== 'ERASE') return
    if (!voided && ms > batch.now + LIMITS.clockAheadMs) {
      held.add(at.log, at.seq, 'future', ms - LIMITS.clockAheadMs)
      return
    }
    const validity = validityOf(operation)
    if (validity === 'unknown') held.add(at.log, at.seq, 'schema', null)
    if (!voided) batch.hear({ ms, counter })
    if (validity !== 'valid' || erased) return
    const entity = ENTITY_BY_NUMBER.get(operation.table)!
    if (operation.kind === 'ERASE')
      batch.erased.push({ entity, marker: operation.key as Uint8Array, ms, counter, waited, ...at })
    else
      batch.merging.push({
        entity,
        operation,
        stamp: { ms, counter, log: at.log, hash: at.hash.slice(0, 8) },
        seq: at.seq,
      })
  }

  /** A device takes back a part of its own log. */
  #void(operation: Operation, { log, seq }: Place, batch: Batch): void {
    const from = voidedFrom(operation)
    if (from === undefined || from > seq) return
    // Behind one that closed its log it says nothing, until that one counts no more: then it is placed anew.
    if (this.#deps.voids.covers(log, seq)) return
    this.#withVoids(batch, () => this.#deps.voids.add(log, seq, from))
  }

  /** Does what may change which operations VOIDs take out, and notes those it changed. */
  #withVoids<T>(batch: Batch, work: () => T): T {
    const { voids } = this.#deps
    const before = voids.runs()
    const result = work()
    voids.reload()
    batch.voided.push(...withoutRuns(voids.runs(), before))
    batch.freed.push(...withoutRuns(before, voids.runs()))
    return result
  }

  /** What VOIDs took out waits no more and is not merged, but for ERASEs; what they let go is placed anew. */
  #settleVoids(batch: Batch): void {
    const { sql, held, voids } = this.#deps
    for (const run of batch.freed)
      for (const { log, seq, hash, body } of operationsIn(sql, run))
        this.#placeStored({ log, seq, hash }, body, batch)
    if (batch.voided.length === 0) return
    batch.merging = batch.merging.filter(({ stamp, seq }) => !voids.covers(stamp.log, seq))
    for (const run of batch.voided)
      for (const { log, seq, hash, body } of held.takeWithin(run))
        if (body) this.#placeStored({ log, seq, hash }, body, batch)
  }

  /** Holds back the ERASEs of a device that sends too many. */
  #guard(batch: Batch): void {
    if (batch.erased.length === 0) return
    const { passing, waiting } = this.#deps.guard.sift(batch.erased, batch.now)
    for (const { log, seq } of waiting)
      this.#deps.held.add(log, seq, 'mass-erasure', batch.now + LIMITS.massErasureHoldMs)
    batch.hidden.push(...waiting)
    batch.erased = [...passing]
  }

  #hashAt(log: LogRow | undefined, seq: number): Uint8Array {
    if (seq === 0) return GENESIS_HASH
    const missing = log && this.#deps.floors.missingUpTo(log.ref)
    if (missing?.seq === seq) return missing.hash
    const row =
      log &&
      this.#deps.sql.get<{ hash: Uint8Array }>(
        'SELECT hash FROM sync_operations WHERE log = ? AND seq = ? AND branch = 0',
        [log.ref, seq],
      )
    if (!row) throw invalid('with a gap before it')
    return row.hash
  }

  /** The stamp of the last operation that has one: hollow ones say nothing. */
  #lastStamp(log: number, head: number): ClockState | undefined {
    const row = this.#deps.sql.get<{ body: Uint8Array }>(
      'SELECT body FROM sync_operations WHERE log = ? AND seq <= ? AND body IS NOT NULL ORDER BY seq DESC LIMIT 1',
      [log, head],
    )
    return row && decodeOperation(row.body).hlc
  }
}

function decode(bytes: Uint8Array): ShippedSegment {
  try {
    return decodeShippedSegment(bytes)
  } catch (cause) {
    throw invalid('that cannot be read', cause)
  }
}

function decodeBody(body: Uint8Array): Operation {
  try {
    return decodeOperation(body)
  } catch (cause) {
    throw invalid('with an operation that cannot be read', cause)
  }
}

function isLater(a: ClockState, b: ClockState): boolean {
  return a.ms > b.ms || (a.ms === b.ms && a.counter > b.counter)
}

/** By hand: for 8 to 32 bytes the call into the runtime costs more than the loop. */
function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let index = 0; index < a.length; index++) if (a[index] !== b[index]) return false
  return true
}

function invalid(what: string, cause?: unknown): VivimError {
  return new VivimError('Corrupt', `A peer sent a segment ${what}.`, { cause })
}
