import type { ItemName, Range, RangeAnswer, RangeDifferences } from './range-fingerprints.ts'
import type { AuditTuple } from './sync-audit-frames.ts'

/** Whose question it is: this side's, or the other's. Both may go on at once. */
export type AuditRole = 'asking' | 'answering'

/** How much was read for an answer, and how much there is; in rows. */
export interface Walked {
  readonly walked: number
  readonly rows: number
}

/** Answers of the vault. What is undefined could not be told: the tuple is not what it was. */
export type AuditEvent =
  | {
      readonly type: 'audit-measured'
      readonly role: AuditRole
      readonly tuple: AuditTuple
      readonly digest: Uint8Array | undefined
    }
  | {
      readonly type: 'audit-split'
      readonly split: ({ readonly answers: readonly RangeAnswer[] } & Walked) | undefined
    }
  | { readonly type: 'audit-compared'; readonly compared: (RangeDifferences & Walked) | undefined }

/** `put-off`: too many were asked for within the hour. */
export type AuditResult =
  | { readonly result: 'same' | 'put-off' }
  /** `differs`: the first part of the tuples that does. */
  | { readonly result: 'incomparable'; readonly differs: keyof AuditTuple }
  /** The rows found, the first ones when there are too many; none when they were mended meanwhile. */
  | { readonly result: 'different'; readonly names: readonly ItemName[] }

export type AuditEffect =
  /** Read the state, and the digest only if the tuple is not another than `unless`: `audit-measured` answers. */
  | {
      readonly type: 'audit-measure'
      readonly role: AuditRole
      readonly fresh: boolean
      readonly unless: AuditTuple | undefined
    }
  /** Answer about ranges, the first ones of them as far as a frame holds them: `audit-split` answers. */
  | { readonly type: 'audit-split'; readonly tuple: AuditTuple; readonly ranges: readonly Range[] }
  /** Compare answers with what is here: `audit-compared` answers. */
  | {
      readonly type: 'audit-compare'
      readonly tuple: AuditTuple
      readonly ranges: readonly Range[]
      readonly answers: readonly RangeAnswer[]
    }
  /** An audit ended; `fresh`: one that was asked for so here. Rows that differ are to be made again from the log. */
  | ({ readonly type: 'audited'; readonly fresh: boolean } & AuditResult)
