/** One figure of `npm run bench`. Units: ops/s, ms, s, MB (10^6 bytes), bytes, ratio, percent. */
export interface Measurement {
  readonly name: string
  /** null: it could not be measured; `note` says why. */
  readonly value: number | null
  readonly unit: 'ops/s' | 'ms' | 's' | 'MB' | 'bytes' | 'ratio' | 'percent'
  readonly goal: number | null
  readonly better: 'higher' | 'lower'
  readonly runs: number
  readonly note?: string
}

export interface BenchOptions {
  /** Fewer runs and smaller data: to see that it works, not to quote. */
  readonly quick: boolean
}

/** A group of figures under one key prefix, measured together. */
export interface Bench {
  readonly prefix: string
  run(options: BenchOptions): Promise<Measurement[]>
}

/** The value at a quantile of unsorted samples, nearest rank. */
export function quantile(samples: readonly number[], at: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(at * sorted.length) - 1))]
  if (value === undefined) throw new RangeError('no samples')
  return value
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

/** Milliseconds that `work` took. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}

export function isMet({ value, goal, better }: Measurement): boolean | null {
  if (value === null || goal === null) return null
  return better === 'lower' ? value <= goal : value >= goal
}
