import {
  type Exclusion,
  exclusionOf,
  judgeSegment,
  type Membership,
  type Verdict,
} from '../../crdt/authority.ts'
import { GENESIS_HASH } from '../../crdt/log.ts'
import { VivimError } from '../../schema/errors.ts'
import type { LogRow, Logs } from './logs.ts'
import type { Members } from './members.ts'
import type { MembershipRecords } from './membership-records.ts'
import type { Sql } from './sql.ts'

interface SegmentRow {
  readonly id: number
  readonly first: number
  readonly count: number
  readonly membership_head: Uint8Array
  readonly counts_to: number | null
}

/** Operations of one log, first and last included. */
export interface OperationRun {
  readonly log: number
  readonly first: number
  readonly last: number
}

/** What another judgement changed. */
export interface Rejudged {
  readonly nowVoid: readonly OperationRun[]
  readonly nowCounting: readonly OperationRun[]
  /** What decides has not come. */
  readonly undecided: readonly OperationRun[]
}

/** Decides whose operations count, and remembers it beside each segment. */
export class Authority {
  readonly #sql: Sql
  readonly #logs: Logs
  readonly #members: Members
  readonly #records: MembershipRecords
  readonly #space: number
  #void: ReadonlyMap<number, readonly OperationRun[]> | undefined

  constructor(options: {
    readonly sql: Sql
    readonly logs: Logs
    readonly members: Members
    readonly records: MembershipRecords
    readonly space: number
  }) {
    this.#sql = options.sql
    this.#logs = options.logs
    this.#members = options.members
    this.#records = options.records
    this.#space = options.space
  }

  /** Undefined: the device is one of the person's. */
  exclusionOf(device: Uint8Array): Exclusion | undefined {
    return exclusionOf(this.#membership(), device)
  }

  /** One that was certified, and that the log has excluded since. */
  isTakenOut(device: Uint8Array): boolean {
    if (this.#records.log.size === 0) return false
    const exclusion = this.exclusionOf(device)
    return exclusion === 'revoked' || exclusion === 'issuer-revoked'
  }

  /** What a device writes that was taken out would count nowhere. @throws VivimError `Forbidden` */
  insistOnMember(device: Uint8Array): void {
    if (!this.isTakenOut(device)) return
    throw new VivimError(
      'Forbidden',
      'This device was taken out of your devices: it can read, and not write.',
      {
        hint: 'Delete the user here, and pair the device again.',
      },
    )
  }

  /** The head the next segment of a log names. */
  headFor(ref: number): Uint8Array {
    if (this.#records.log.size === 0) return GENESIS_HASH
    return this.#records.log.headAfter(this.#headBefore(ref, Number.MAX_SAFE_INTEGER))
  }

  /** How many of a stored segment's operations count; remembered, so that `isVoid` tells. */
  judge(log: Pick<LogRow, 'ref' | 'device' | 'incarnation'>, first: number): Verdict {
    const segment = this.#sql.get<SegmentRow>('SELECT * FROM segments WHERE log = ? AND first = ?', [
      log.ref,
      first,
    ])!
    const verdict = this.#verdict(log, segment)
    if (!verdict.held) this.#remember(segment, verdict.upTo)
    return verdict
  }

  /** Whether a cut-off of its device names that log. */
  isNamedByCutOff({ device, incarnation }: Pick<LogRow, 'device' | 'incarnation'>): boolean {
    return this.#cutOffNames(device).has(Buffer.from(incarnation).toString('hex'))
  }

  /** How many logs of a device its cut-offs name. */
  namedByCutOffs(device: Uint8Array): number {
    return this.#cutOffNames(device).size
  }

  #cutOffNames(device: Uint8Array): Set<string> {
    const records = [...this.#records.cutOffs.values()]
    return new Set(
      records
        .filter((record) => Buffer.compare(record.device, device) === 0)
        .flatMap(({ logs }) => logs.map(({ incarnation }) => Buffer.from(incarnation).toString('hex'))),
    )
  }

  /** The last operation of a log that may count; undefined while what decides has not come. */
  countsUpTo(log: Pick<LogRow, 'ref' | 'device' | 'incarnation'>): number | undefined {
    const verdict = this.#verdict(log, { first: Number.MAX_SAFE_INTEGER })
    return verdict.held ? undefined : verdict.upTo
  }

  /** Whether these operations of a log reach the position one of its cut-offs names. */
  reachesCutOff({ device, incarnation }: LogRow, first: number, last: number): boolean {
    return [...this.#records.cutOffs.values()].some(
      (record) =>
        Buffer.compare(record.device, device) === 0 &&
        record.logs.some(
          (log) =>
            Buffer.compare(log.incarnation, incarnation) === 0 &&
            log.sequence >= first &&
            log.sequence <= last,
        ),
    )
  }

  /** Whether a stored operation was judged to count for nothing. */
  isVoid(log: number, seq: number): boolean {
    return this.#voidOf(log).some(({ first, last }) => seq >= first && seq <= last)
  }

  /** Judges everything again: after membership changed. What cannot be judged yet stays as it is. */
  rejudge(): Rejudged {
    return this.#judgeLogs(this.#logs.list(this.#space))
  }

  /** Judges one log again: its branch turned out to be another than a cut-off names. */
  rejudgeLog(log: LogRow): Rejudged {
    return this.#judgeLogs([log])
  }

  /** After a rollback. */
  reload(): void {
    this.#void = undefined
  }

  #judgeLogs(logs: readonly LogRow[]): Rejudged {
    const nowVoid: OperationRun[] = []
    const nowCounting: OperationRun[] = []
    const undecided: OperationRun[] = []
    for (const log of logs) {
      for (const segment of this.#segments(log.ref)) {
        const verdict = this.#verdict(log, segment)
        if (verdict.held) {
          undecided.push({ log: log.ref, first: segment.first, last: lastOf(segment) })
          continue
        }
        const before = countedIn(segment, segment.counts_to ?? Infinity)
        const after = countedIn(segment, verdict.upTo)
        if (after < before) nowVoid.push({ log: log.ref, first: after + 1, last: before })
        if (after > before) nowCounting.push({ log: log.ref, first: before + 1, last: after })
        this.#remember(segment, verdict.upTo)
      }
    }
    return { nowVoid, nowCounting, undecided }
  }

  #segments(log: number): SegmentRow[] {
    return this.#sql.all<SegmentRow>('SELECT * FROM segments WHERE log = ? ORDER BY first', [log])
  }

  #verdict(
    { ref, device, incarnation }: Pick<LogRow, 'ref' | 'device' | 'incarnation'>,
    { first }: Pick<SegmentRow, 'first'>,
  ): Verdict {
    const hashAt = (sequence: number) =>
      this.#sql.get<{ hash: Uint8Array }>(
        'SELECT hash FROM sync_operations WHERE log = ? AND seq = ? AND branch = 0',
        [ref, sequence],
      )?.hash
    return judgeSegment(this.#membership(), {
      device,
      incarnation,
      heads: () => this.#headsUpTo(ref, first),
      hashAt,
    })
  }

  #headsUpTo(ref: number, first: number): Uint8Array[] {
    return this.#sql
      .all<{ head: Uint8Array }>(
        `SELECT membership_head AS head FROM segments WHERE log = ? AND first <= ?
         GROUP BY membership_head ORDER BY min(first)`,
        [ref, first],
      )
      .map(({ head }) => head)
  }

  #headBefore(ref: number, first: number): Uint8Array {
    return (
      this.#sql.get<{ membership_head: Uint8Array }>(
        'SELECT membership_head FROM segments WHERE log = ? AND first < ? ORDER BY first DESC LIMIT 1',
        [ref, first],
      )?.membership_head ?? GENESIS_HASH
    )
  }

  #remember(segment: SegmentRow, upTo: number): void {
    const counted = countedIn(segment, upTo)
    const countsTo = counted === lastOf(segment) ? null : counted
    // A segment may have grown since its void operations were read.
    if (countsTo !== null || segment.counts_to !== null) this.#void = undefined
    if (countsTo === segment.counts_to) return
    this.#sql.run('UPDATE segments SET counts_to = ? WHERE id = ?', [countsTo, segment.id])
  }

  #voidOf(log: number): readonly OperationRun[] {
    if (!this.#void) {
      const rows = this.#sql.all<SegmentRow & { log: number }>(
        'SELECT * FROM segments WHERE counts_to IS NOT NULL',
      )
      const byLog = new Map<number, OperationRun[]>()
      for (const row of rows) {
        const run = { log: row.log, first: row.counts_to! + 1, last: lastOf(row) }
        byLog.set(row.log, [...(byLog.get(row.log) ?? []), run])
      }
      this.#void = byLog
    }
    return this.#void.get(log) ?? []
  }

  #membership(): Membership {
    const { log, cutOffs } = this.#records
    return { log, cutOffs, issuersOf: (device) => this.#members.issuersOf(device) }
  }
}

function lastOf({ first, count }: SegmentRow): number {
  return first + count - 1
}

/** The last operation of a segment that counts; the one before its first if none does. */
function countedIn(segment: SegmentRow, upTo: number): number {
  return Math.max(segment.first - 1, Math.min(upTo, lastOf(segment)))
}
