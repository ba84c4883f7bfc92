import { LIMITS } from '../../schema/limits.ts'
import type { UserSyncOptions } from './user-sync-options.ts'

export interface MasterNewsOptions extends Pick<UserSyncOptions, 'lookUp' | 'now' | 'log'> {
  readonly did: string
  /** Keeps what is new. */
  readonly take: (documents: readonly Uint8Array[]) => Promise<void>
}

/** What a master knows of a person's devices: where they are, and whether one was taken out. */
export class MasterNews {
  readonly #options: MasterNewsOptions
  #asked = 0
  #stopped = false

  constructor(options: MasterNewsOptions) {
    this.#options = options
  }

  /** Never throws. */
  async ask(): Promise<void> {
    const { did, lookUp, now, take, log } = this.#options
    this.#asked = now()
    try {
      const documents = await lookUp(did).catch(() => [])
      if (!this.#stopped) await take(documents)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      log.warn({ reason }, 'what a master knows of a device is not kept')
    }
  }

  /** Unless it was asked of late. */
  askIfDue(): void {
    if (this.#options.now() - this.#asked >= LIMITS.masterAuditMs) void this.ask()
  }

  stop(): void {
    this.#stopped = true
  }
}
