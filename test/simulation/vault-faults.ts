/** What can go wrong in a simulated world, and how often it did. */
export const FAULTS = [
  'message lost',
  'message duplicated',
  'message reordered',
  'message lost to a partition',
  'message forged',
  'segment forged',
  'segment of another person',
  'segment of a stranger',
  'stream broken',
  'partition',
  'crash in a transaction',
  'crash between transactions',
  'crash with power loss',
  'clock ahead by a year',
  'clock ahead by hours',
  'writes kept back',
  'writes said again',
  'logs closed by a VOID',
  'clock behind by a year',
  'clock corrected',
  'backup put back',
  'folder put back',
  'orderly restart',
  'device taken out',
  'device taken out twice',
  'device away for months',
  'device begins again from a snapshot',
  'floors that hold',
  'rows forgotten for good',
  'operations written while away',
  'recovered items',
  'device that was taken out writes on',
] as const
/** Faults and other events, counted over any number of seeds. */
export class FaultCounts {
  readonly #counts = new Map<string, number>()

  add(what: string, times = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + times)
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0
  }

  include(other: FaultCounts): void {
    for (const [what, times] of other.#counts) this.add(what, times)
  }

  /** One line for each, in the order of their names. */
  toString(): string {
    return [...this.#counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([what, times]) => `  ${String(times).padStart(9)} ${what}`)
      .join('\n')
  }
}
