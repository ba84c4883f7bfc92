import { type Frontier, type LogHead, logName } from '../../crdt/frontier.ts'

/** The last operation of each log that is committed here or on its way into the database. */
export class LiveHeads {
  readonly #committed = new Map<string, LogHead>()
  readonly #onTheWay = new Map<string, LogHead>()

  /** Takes in what was committed; logs only grow, and what is older overtakes nothing. */
  commit(frontier: Frontier): void {
    for (const head of frontier) {
      const name = logName(head)
      if (head.sequence >= (this.#committed.get(name)?.sequence ?? 0)) this.#committed.set(name, head)
      if (head.sequence >= (this.#onTheWay.get(name)?.sequence ?? 0)) this.#onTheWay.delete(name)
    }
  }

  expect(head: LogHead): void {
    this.#onTheWay.set(logName(head), head)
  }

  /** What was on its way does not arrive. */
  forget(): void {
    this.#onTheWay.clear()
  }

  of(position: Pick<LogHead, 'device' | 'incarnation'>): LogHead | undefined {
    return this.get(logName(position))
  }

  get(name: string): LogHead | undefined {
    return this.#onTheWay.get(name) ?? this.#committed.get(name)
  }
}
