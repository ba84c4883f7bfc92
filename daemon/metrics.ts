/** The counters of the node, by dotted name: `rpc.calls.node.status`. */
export class Metrics {
  readonly #counters = new Map<string, number>()
  readonly #gauges = new Map<string, () => number>()

  /** Bound, so that it can be handed out as a `Count`. */
  readonly count = (name: string, by = 1): void => {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + by)
  }

  /** A value that is read when it is asked for. */
  gauge(name: string, read: () => number): void {
    this.#gauges.set(name, read)
  }

  /** Every value now, in order of name. */
  counters(): Record<string, number> {
    const gauges = [...this.#gauges].map(([name, read]): [string, number] => [name, read()])
    const entries = [...this.#counters, ...gauges]
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
