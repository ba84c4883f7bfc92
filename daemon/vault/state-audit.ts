import { frontierDigest } from '../../crdt/frontier.ts'
import { hashOf } from '../../crdt/hash.ts'
import { GENESIS_HASH } from '../../crdt/log.ts'
import {
  EVERYTHING,
  type ItemName,
  type Range,
  type RangeAnswer,
  RangeComparison,
  type RangeDifferences,
  RangeSplit,
} from '../../crdt/range-fingerprints.ts'
import { StateDigest } from '../../crdt/state-digest.ts'
import type { Walked } from '../../crdt/sync-audit-events.ts'
import {
  ANSWERS_BYTES,
  type AuditTuple,
  answerBytes,
  heldDigest,
  tupleDifference,
} from '../../crdt/sync-audit-frames.ts'
import { latestSchemaVersion } from './migrations.ts'
import type { OpenVault } from './open-vault.ts'
import { createPace } from './pace.ts'
import { stateDigest, stateEntries } from './state-digest.ts'
import { countItems, rangeItems } from './state-ranges.ts'

const SCHEMA = latestSchemaVersion()
/** Reading that writes came in between is done again so often. */
const TRIES = 3

export interface MeasuredState {
  readonly tuple: AuditTuple
  /** State digest, 32 bytes; undefined when it was not asked for or the tuple changed while the rows were read. */
  readonly digest: Uint8Array | undefined
}

/** Reads the rows of a vault as the state digest has them, in pieces: a second per 70,000 rows in all. */
export class StateAudit {
  readonly #vault: OpenVault
  #known: { readonly changes: number; readonly hex: string } | undefined
  #reading: Promise<string | undefined> | undefined

  constructor(vault: OpenVault) {
    this.#vault = vault
  }

  tuple(): AuditTuple {
    const { logs, space, held, records, appliedFloor } = this.#vault
    return {
      frontier: frontierDigest(logs.frontier(space)),
      held: heldDigest(held.list(space)),
      // Copies: what crosses to another thread may be moved there.
      membership: new Uint8Array(records.log.head),
      schema: SCHEMA,
      // A person's own device may read everything from the first epoch on.
      visibleFrom: 0,
      floor: appliedFloor === '' ? new Uint8Array(GENESIS_HASH) : hashOf(['vivim/floor/1', appliedFloor]),
    }
  }

  /** The state digest in hex, of one moment. Read once for each change. */
  async digest(): Promise<string> {
    for (let tries = 0; tries < TRIES; tries++) {
      const hex = await this.#read(false)
      if (hex !== undefined) return hex
    }
    const { changes, logs, space } = this.#vault
    this.#known = { changes, hex: stateDigest(this.#vault, logs, space) }
    return this.#known.hex
  }

  /** The same if it is had within `ms` and nothing is written meanwhile; reading goes on for whoever asks next. */
  async digestWithin(ms: number): Promise<string | undefined> {
    this.#reading ??= this.#read(false).finally(() => {
      this.#reading = undefined
    })
    // Nobody may be left to hear that the vault was closed.
    this.#reading.catch(() => {})
    const late = Promise.withResolvers<undefined>()
    const timer = setTimeout(() => late.resolve(undefined), ms)
    try {
      return await Promise.race([this.#reading, late.promise])
    } finally {
      clearTimeout(timer)
    }
  }

  /** `fresh`: every row is read, also when nothing has changed that this program knows of. */
  async measure(fresh: boolean, unless: AuditTuple | undefined): Promise<MeasuredState> {
    for (let tries = 0; ; tries++) {
      const tuple = this.tuple()
      if (tries === TRIES || (unless && tupleDifference(unless, tuple))) return { tuple, digest: undefined }
      const hex = await this.#read(fresh)
      if (hex !== undefined) return { tuple, digest: Buffer.from(hex, 'hex') }
    }
  }

  /** What there is in the first of these ranges, as many as fit a frame; undefined under another tuple by now. */
  async split(
    tuple: AuditTuple,
    ranges: readonly Range[],
  ): Promise<({ readonly answers: readonly RangeAnswer[] } & Walked) | undefined> {
    const answers: RangeAnswer[] = []
    let bytes = 0
    return this.#under(tuple, async (read) => {
      for (const range of ranges) {
        const split = new RangeSplit(countItems(this.#vault, this.#vault.space, range))
        await read(range, split)
        const answer = split.answer()
        bytes += answerBytes(answer)
        if (bytes > ANSWERS_BYTES) break
        answers.push(answer)
      }
      return { answers }
    })
  }

  /** Where answers of another device differ from what is here; undefined under another tuple by now. */
  async compare(
    tuple: AuditTuple,
    ranges: readonly Range[],
    answers: readonly RangeAnswer[],
  ): Promise<(RangeDifferences & Walked) | undefined> {
    const found: Range[] = []
    const names: ItemName[] = []
    return this.#under(tuple, async (read) => {
      for (const [index, range] of ranges.entries()) {
        const comparison = new RangeComparison(range, answers[index]!)
        await read(range, comparison)
        const differences = comparison.differences()
        found.push(...differences.ranges)
        names.push(...differences.names)
      }
      return { ranges: found, names }
    })
  }

  async #under<T>(
    tuple: AuditTuple,
    work: (
      read: (range: Range, into: Pick<RangeSplit | RangeComparison, 'add'>) => Promise<void>,
    ) => Promise<T>,
  ): Promise<(T & Walked) | undefined> {
    const { logs, space, changes } = this.#vault
    if (tupleDifference(tuple, this.tuple())) return undefined
    const pace = createPace()
    let walked = 0
    const result = await work(async (range, into) => {
      for (const item of rangeItems(this.#vault, logs, space, range)) {
        into.add(item)
        walked++
        await pace()
      }
    })
    if (this.#vault.changes !== changes) return undefined
    return { ...result, walked, rows: countItems(this.#vault, space, EVERYTHING) }
  }

  /** Undefined when something was written meanwhile. */
  async #read(fresh: boolean): Promise<string | undefined> {
    const { changes, logs, space } = this.#vault
    if (!fresh && this.#known?.changes === changes) return this.#known.hex
    const pace = createPace()
    const digest = new StateDigest()
    for (const entry of stateEntries(this.#vault, logs, space)) {
      digest.add(entry)
      await pace()
      if (this.#vault.changes !== changes) return undefined
    }
    if (this.#vault.changes !== changes) return undefined
    this.#known = { changes, hex: digest.hex() }
    return this.#known.hex
  }
}
