import type { ItemName, Range, RangeAnswer, RangeDifferences } from '../../crdt/range-fingerprints.ts'
import type { Walked } from '../../crdt/sync-audit-events.ts'
import type { AuditTuple } from '../../crdt/sync-audit-frames.ts'
import { type AuditOutcome, AuditRecords, nameOfItem } from './audit-records.ts'
import type { OpenVault } from './open-vault.ts'
import { createPace, type Pace } from './pace.ts'
import type { MeasuredState, StateAudit } from './state-audit.ts'

/** Names an alarm keeps. */
const NAMES_KEPT = 20

/** What an audit asks of a user's vault. */
export interface AuditActions {
  auditMeasure(params: {
    readonly fresh: boolean
    readonly unless: AuditTuple | undefined
  }): Promise<MeasuredState>
  /** Undefined when the tuple is another by now. */
  auditSplit(params: {
    readonly tuple: AuditTuple
    readonly ranges: readonly Range[]
  }): Promise<({ readonly answers: readonly RangeAnswer[] } & Walked) | undefined>
  /** Undefined when the tuple is another by now. */
  auditCompare(params: {
    readonly tuple: AuditTuple
    readonly ranges: readonly Range[]
    readonly answers: readonly RangeAnswer[]
  }): Promise<(RangeDifferences & Walked) | undefined>
  /** Keeps the result; makes rows that differ again from the log, and raises the alarm. */
  audited(params: {
    readonly device: Uint8Array
    readonly result: AuditOutcome
    readonly names: readonly ItemName[]
  }): Promise<{ readonly remade: number; readonly names: readonly string[] }>
}

export function auditActions(
  vault: OpenVault,
  audit: StateAudit,
  remake: (names: readonly ItemName[], pace: Pace) => Promise<number>,
): AuditActions {
  const records = new AuditRecords(vault)
  return {
    auditMeasure: ({ fresh, unless }) => audit.measure(fresh, unless),
    auditSplit: ({ tuple, ranges }) => audit.split(tuple, ranges),
    auditCompare: ({ tuple, ranges, answers }) => audit.compare(tuple, ranges, answers),
    audited: async ({ device, result, names }) => {
      const shown = names.slice(0, NAMES_KEPT).map(nameOfItem)
      const remade = names.length > 0 ? await remake(names, createPace()) : 0
      const at = vault.now()
      vault.transactDerived(() => {
        records.record(device, result, at)
        if (result === 'different') records.raise({ device, at, rows: names.length, remade, names: shown })
      })
      return { remade, names: shown }
    },
  }
}
