/** Ids for lines of a log that have none: by their time and how many there were of it. A log grows at its end, so they stay. */
export class LineIds {
  readonly #counts = new Map<string, number>()

  next(timestamp: unknown): string {
    const at = typeof timestamp === 'string' ? timestamp.slice(0, 100) : ''
    const count = (this.#counts.get(at) ?? 0) + 1
    this.#counts.set(at, count)
    return `line ${at} ${count}`
  }
}
