import type { Frontier } from '../../crdt/frontier.ts'
import { LIMITS } from '../../schema/limits.ts'
import type { OpenVault } from '../vault/open-vault.ts'

/**
 * Tells of commits with what this device wrote in them, signed: the first at once, what follows within a few
 * milliseconds together. Of much, only that it is there is told.
 */
export class CommitNews {
  readonly #vault: OpenVault
  readonly #tell: (frontier: Frontier, written: readonly Uint8Array[]) => void
  #told: { readonly log: number; readonly sequence: number }
  #at = -Infinity
  #cancel: (() => void) | undefined

  constructor(vault: OpenVault, tell: (frontier: Frontier, written: readonly Uint8Array[]) => void) {
    this.#vault = vault
    this.#tell = tell
    this.#told = this.#head()
  }

  schedule(): void {
    if (this.#cancel) return
    const left = this.#at + LIMITS.liveTellMs - performance.now()
    if (left > 0) {
      const timer = setTimeout(() => this.#now(), left)
      this.#cancel = () => clearTimeout(timer)
    } else {
      // After the answer to whoever wrote.
      const next = setImmediate(() => this.#now())
      this.#cancel = () => clearImmediate(next)
    }
  }

  /** Tells what waits, if anything does. */
  flush(): void {
    if (this.#cancel) this.#now()
  }

  #now(): void {
    this.#cancel?.()
    this.#cancel = undefined
    const written = this.#written()
    this.#tell(this.#vault.logs.frontier(this.#vault.space), written)
    this.#at = performance.now()
  }

  #written(): readonly Uint8Array[] {
    const before = this.#told
    const head = this.#head()
    this.#told = head
    const from = head.log === before.log ? before.sequence + 1 : 1
    const count = head.sequence - from + 1
    if (count < 1 || count > LIMITS.liveTellOperations) return []
    const { device, incarnation } = head
    const position = { device, incarnation, sequence: from }
    const { segments, upTo } = this.#vault.readSegments(position, LIMITS.syncReadBytes)
    // What was too much is not told in part.
    return upTo >= head.sequence ? segments : []
  }

  #head() {
    const { logs, space, ownLog } = this.#vault
    const { device, incarnation, head_seq } = logs.list(space).find(({ ref }) => ref === ownLog)!
    return { log: ownLog, device, incarnation, sequence: head_seq }
  }
}
