import type { Operation } from './operation.ts'

/** The one column of a VOID: the sequence its range begins at. */
const FROM_COLUMN = 1

/** What a device says when it closes a log: of this log nothing counts from `from` on. Its stamp ends the log. */
export function voidOperation(from: number, hlc: Operation['hlc']): Operation {
  return { hlc, kind: 'VOID', table: 0, key: '', schemaVersion: 0, columns: new Map([[FROM_COLUMN, from]]) }
}

/** Where the range of a VOID begins; undefined for one that says nothing. */
export function voidedFrom({ table, key, columns }: Operation): number | undefined {
  const from = columns.get(FROM_COLUMN)
  const isWhole = table === 0 && key === '' && columns.size === 1
  return isWhole && typeof from === 'number' && Number.isSafeInteger(from) && from > 0 ? from : undefined
}

/** A VOID that counts, with its place. */
export interface PlacedVoid {
  readonly log: number
  readonly seq: number
  readonly from: number
}

/** A log or a branch; a branch goes on where `parent` ends. */
export interface LogLineage {
  readonly ref: number
  readonly parent: number | null
  /** Sequence of its first operation. */
  readonly start: number
}

/** Operations of one log, both ends included. */
export interface VoidedRun {
  readonly log: number
  readonly first: number
  readonly last: number
}

const END = Number.MAX_SAFE_INTEGER

/**
 * What VOIDs take out: from `from` up to the VOID, in its log and in what its branch shares with others, and everything
 * that is written after it. A VOID behind one that closed its log is void too. A function of the set: neither order
 * nor time enters it.
 */
export function voidedRuns(logs: readonly LogLineage[], voids: readonly PlacedVoid[]): VoidedRun[] {
  const byRef = new Map(logs.map((log) => [log.ref, log]))
  const lineage = (ref: number): LogLineage[] => {
    const log = byRef.get(ref)
    return log ? [log, ...(log.parent === null ? [] : lineage(log.parent))] : []
  }
  const closing: PlacedVoid[] = []
  for (const place of voids.toSorted((a, b) => a.seq - b.seq)) {
    const before = lineage(place.log)
    if (!closing.some(({ log, seq }) => seq < place.seq && before.some(({ ref }) => ref === log)))
      closing.push(place)
  }
  return closing.flatMap(({ log, seq, from }) => {
    const runs: VoidedRun[] = [{ log, first: seq + 1, last: END }]
    for (const other of logs)
      if (other.ref !== log && lineage(other.ref).some(({ ref }) => ref === log))
        runs.push({ log: other.ref, first: other.start, last: END })
    let last = seq - 1
    for (const { ref, start } of lineage(log)) {
      runs.push({ log: ref, first: Math.max(from, start), last })
      last = Math.min(last, start - 1)
    }
    return runs.filter((run) => run.first <= run.last)
  })
}

/** The operations of `runs` that are in none of `others`. */
export function withoutRuns(runs: readonly VoidedRun[], others: readonly VoidedRun[]): VoidedRun[] {
  let left = [...runs]
  for (const other of others)
    left = left.flatMap((run) => {
      if (run.log !== other.log || run.last < other.first || run.first > other.last) return [run]
      const before = { ...run, last: other.first - 1 }
      const after = { ...run, first: other.last + 1 }
      return [before, after].filter(({ first, last }) => first <= last)
    })
  return left
}
