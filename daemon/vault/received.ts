import { type ClockState, receive } from '../../crdt/hlc.ts'
import type { VoidedRun } from '../../crdt/void.ts'
import type { OperationRun } from './authority.ts'
import type { Erasure } from './erasures.ts'
import type { LogRow } from './logs.ts'
import type { Refolded } from './refold.ts'
import type { StampedOperation } from './row-store.ts'

/** What one batch of segments did. */
export interface Received {
  /** Operations that were new. */
  readonly operations: number
  readonly merged: readonly StampedOperation[]
  /** What was made again without operations that turned out not to count. */
  readonly refolded: Refolded
  /** Rows their owner erased for good elsewhere. */
  readonly erased: readonly Erasure[]
  /** Rows one device erased among too many: they are hidden, and erased later. */
  readonly hidden: readonly Erasure[]
  /** The clock after hearing of all of them. */
  readonly clock: ClockState
  /** Stamps that it had heard count no more. */
  readonly clockFalls: boolean
  /** Our own log has grown: a copy of the vault had lost what a peer still has. */
  readonly ownLogGrew: boolean
  /** Logs of which a segment came that follows nothing here: another branch, of which more has to come first. */
  readonly apart: readonly Pick<LogRow, 'device' | 'incarnation'>[]
  /** Segments that prove a fork found just now. */
  readonly evidence: readonly Uint8Array[]
  /** Segments of logs beyond those that are taken of one device. */
  readonly passedOver: number
}

/** Of a commit that changed no facts. */
export function nothingReceived(clock: ClockState): Received {
  const refolded = { operations: [], conversations: [] }
  return {
    operations: 0,
    merged: [],
    refolded,
    erased: [],
    hidden: [],
    clock,
    clockFalls: false,
    ownLogGrew: false,
    apart: [],
    evidence: [],
    passedOver: 0,
  }
}

/** What taking in a batch of segments has come to so far. */
export class Batch {
  merging: StampedOperation[] = []
  erased: Erasure[] = []
  readonly hidden: Erasure[] = []
  readonly grown = new Set<number>()
  /** Operations that were merged and count no more. */
  readonly nowVoid: OperationRun[] = []
  /** Operations that VOIDs take out, and those that they do not any more. */
  readonly voided: VoidedRun[] = []
  readonly freed: VoidedRun[] = []
  readonly apart: Pick<LogRow, 'device' | 'incarnation'>[] = []
  readonly evidence: Uint8Array[] = []
  readonly now: number
  operations = 0
  passedOver = 0
  #clock: ClockState

  constructor(clock: ClockState, now: number) {
    this.#clock = clock
    this.now = now
  }

  hear(stamp: ClockState): void {
    this.#clock = receive(this.#clock, stamp)
  }

  /** Operations from a sequence on stand in another log now. */
  moved(from: number, sequence: number, to: number): void {
    this.erased = this.erased.map((item) =>
      item.log === from && item.seq >= sequence ? { ...item, log: to } : item,
    )
    this.merging = this.merging.map((item) =>
      item.stamp.log === from && item.seq >= sequence ? { ...item, stamp: { ...item.stamp, log: to } } : item,
    )
  }

  received(ownLog: number, refolded: Refolded): Received {
    return {
      operations: this.operations,
      merged: this.merging,
      refolded,
      erased: this.erased,
      hidden: this.hidden,
      clock: this.#clock,
      clockFalls: this.voided.length > 0,
      ownLogGrew: this.grown.has(ownLog),
      apart: this.apart,
      evidence: this.evidence,
      passedOver: this.passedOver,
    }
  }
}
