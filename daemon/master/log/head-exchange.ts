import { LIMITS } from '../../../schema/limits.ts'
import type { Network } from '../../network/network.ts'
import type { LogReader } from './log-reader.ts'

const PROTOCOL = '/vivim/registry-head/1'
const STREAM = { maxFrameBytes: 1_024, maxInbound: 2 } as const

export interface HeadExchangeOptions {
  readonly network: Pick<Network, 'handle' | 'unhandle' | 'open'>
  readonly reader: Pick<LogReader, 'head' | 'compare'>
  /** Nodes of the other devices of this node's people that are connected. Nobody else is told anything. */
  readonly peers: () => readonly string[]
  readonly count: (name: string) => void
  readonly everyMs?: number
}

/** Own devices tell each other which head of the master's log they saw, now and then: a master cannot show two. */
export class HeadExchange {
  readonly #options: HeadExchangeOptions
  readonly #stopping = new AbortController()
  readonly #timer: NodeJS.Timeout

  constructor(options: HeadExchangeOptions) {
    this.#options = options
    const { network, reader, peers, count, everyMs = LIMITS.headCompareMs } = options
    network.handle(PROTOCOL, STREAM, async (stream) => {
      const { head } = reader
      if (!peers().includes(stream.peerId)) {
        count('master.heads.strangers')
        return stream.abort('not one of ours')
      }
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(LIMITS.headExchangeMs)])
      const theirs = await stream.receive(signal).catch(() => undefined)
      if (head) await stream.send(head.bytes, signal).catch(() => {})
      await stream.close()
      if (theirs) await this.#compare(theirs)
    })
    this.#timer = setInterval(() => void this.exchange(), everyMs)
    this.#timer.unref()
  }

  /** With every device that is there. Never throws. */
  async exchange(): Promise<void> {
    await Promise.all(this.#options.peers().map((peerId) => this.#with(peerId).catch(() => {})))
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stopping.abort()
    this.#options.network.unhandle(PROTOCOL)
  }

  async #with(peerId: string): Promise<void> {
    const { network, reader } = this.#options
    const { head } = reader
    if (!head || this.#stopping.signal.aborted) return
    const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(LIMITS.headExchangeMs)])
    const stream = await network.open({ peerId }, PROTOCOL, { ...STREAM, signal })
    try {
      await stream.send(head.bytes, signal)
      const theirs = await stream.receive(signal)
      if (theirs) await this.#compare(theirs)
    } finally {
      await stream.close()
    }
  }

  async #compare(theirs: Uint8Array): Promise<void> {
    const { reader, count } = this.#options
    count(`master.heads.${await reader.compare(theirs, this.#stopping.signal)}`)
  }
}
