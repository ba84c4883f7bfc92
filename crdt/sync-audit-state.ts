import { LIMITS } from '../schema/limits.ts'
import type { ItemName, Range } from './range-fingerprints.ts'
import type { AuditTuple } from './sync-audit-frames.ts'

interface Measured {
  readonly tuple: AuditTuple
  readonly digest: Uint8Array
}

/** What this side asked, step by step. */
export type Asking =
  | { readonly stage: 'measuring'; readonly fresh: boolean; readonly sight: 1 | 2 }
  | { readonly stage: 'asked'; readonly said: Measured; readonly sight: 1 | 2 }
  | ({ readonly stage: 'searching' | 'comparing'; readonly asked: readonly Range[] } & Search)

/** Where the rows that differ are looked for. */
export interface Search {
  readonly tuple: AuditTuple
  readonly pending: readonly Range[]
  readonly names: readonly ItemName[]
  readonly rounds: number
  /** Rows read for it here. */
  readonly walked: number
}

/** What the other side asked. */
export interface Answering {
  readonly busy: 'no' | 'measuring' | 'splitting'
  readonly question?: Measured
  /** How often in a row the states differed under equal tuples. */
  readonly unequal: number
  readonly rounds: number
  readonly walked: number
}

export interface AuditState {
  readonly wanted: { readonly fresh: boolean } | undefined
  readonly asking: Asking | undefined
  /** The audit asked for last was to read every row. */
  readonly fresh: boolean
  readonly answering: Answering
  /** Questions of this hour. */
  readonly asked: number
  readonly heard: number
}

export const NOT_ANSWERING: Answering = { busy: 'no', unequal: 0, rounds: 0, walked: 0 }

export const NO_AUDIT: AuditState = {
  wanted: undefined,
  asking: undefined,
  fresh: false,
  answering: NOT_ANSWERING,
  asked: 0,
  heard: 0,
}

/** An honest search reads every row at most once at each of its few levels. */
export function mostWalked(rows: number): number {
  return LIMITS.syncAuditWalks * (rows + 1_000)
}
