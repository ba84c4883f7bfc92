import { VivimError } from '../../schema/errors.ts'
import type { Network } from './network.ts'
import type { NetworkLog } from './options.ts'

const RETRY_MS = 10_000

export interface NetworkSwitchOptions {
  readonly network: Network
  /** What the person wants. */
  readonly wanted: () => boolean
  readonly log: NetworkLog
  /** After each start. */
  readonly onUp: () => Promise<void>
}

/** Keeps the network as the person wants it. A network that does not start is tried again; the node works without. */
export class NetworkSwitch {
  readonly #options: NetworkSwitchOptions
  #turn: Promise<void> = Promise.resolve()
  #retry: NodeJS.Timeout | undefined
  #stopped = false

  constructor(options: NetworkSwitchOptions) {
    this.#options = options
  }

  /** Switches to what is wanted now, after what was asked before. Never throws. */
  apply(): Promise<void> {
    this.#turn = this.#turn.then(() => this.#apply())
    return this.#turn
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#retry)
    await this.#turn
    await this.#options.network.stop()
  }

  async #apply(): Promise<void> {
    const { network, wanted, log, onUp } = this.#options
    clearTimeout(this.#retry)
    if (this.#stopped) return
    try {
      if (!wanted()) return await network.stop()
      if (network.running) return
      await network.start()
      log.info({ addresses: network.multiaddrs() }, 'the network is up')
      await onUp()
    } catch (error) {
      const reason = error instanceof VivimError ? error.message : String(error)
      log.warn({ reason }, 'the network does not start; it is tried again')
      this.#retry = setTimeout(() => void this.apply(), RETRY_MS)
      this.#retry.unref()
    }
  }
}
