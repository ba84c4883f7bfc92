import type { FrameStream } from '../../daemon/network/network.ts'
import type { Audited } from '../../daemon/sync/session-audits.ts'
import { type Replicate, SyncSession } from '../../daemon/sync/sync-session.ts'
import type { PairedVault } from './paired-vaults.ts'

/** One side of a session in this process, over a real vault. */
export interface SessionSide {
  readonly session: SyncSession
  readonly vault: PairedVault
  /** Every audit that ended here. */
  readonly audited: Audited[]
  readonly ended: Promise<string>
  readonly stream: MemoryStream
}

/** Two sessions that speak with each other; what either sends may be replaced on its way. */
export function sessionPair(
  vaults: readonly [PairedVault, PairedVault],
  onTheWay: (from: 0 | 1, frame: Uint8Array) => Uint8Array | undefined = (_, frame) => frame,
): readonly [SessionSide, SessionSide] {
  const streams: [MemoryStream, MemoryStream] = [new MemoryStream('b'), new MemoryStream('a')]
  streams[0].onSend = (frame) => streams[1].arrive(onTheWay(0, frame))
  streams[1].onSend = (frame) => streams[0].arrive(onTheWay(1, frame))
  const side = (at: 0 | 1): SessionSide => {
    const other = vaults[1 - at]!
    const vault = vaults[at]
    const { replica } = vault
    const audited: Audited[] = []
    const session = new SyncSession({
      stream: streams[at],
      time: { ms: Date.now(), at: performance.now() },
      initiator: 'a',
      replicate: (async (action, params) =>
        (replica[action] as (params: unknown) => unknown)(params)) as Replicate,
      deviceOf: () => ({ device: other.device, deviceDid: other.deviceDid }),
      documentsFor: ({ documents }) => documents,
      log: { info: () => {}, warn: () => {} },
      onDevice: () => {},
      onMembers: () => {},
      onInSync: () => {},
      onForked: () => {},
      mayCome: () => true,
      onBreach: () => {},
      onAudited: (_, result) => audited.push(result),
    })
    const ended = session.run()
    return { session, vault, audited, ended, stream: streams[at] }
  }
  return [side(0), side(1)]
}

class MemoryStream implements FrameStream {
  readonly peerId: string
  bytesSent = 0
  bytesReceived = 0
  framesSent = 0
  onSend: (frame: Uint8Array) => void = () => {}
  readonly #arrived: (Uint8Array | undefined)[] = []
  #wake: () => void = () => {}
  readonly #gone = Promise.withResolvers<void>()

  constructor(peerId: string) {
    this.peerId = peerId
  }

  get closed(): Promise<void> {
    return this.#gone.promise
  }

  arrive(frame: Uint8Array | undefined): void {
    if (!frame) return
    this.bytesReceived += frame.length
    this.#arrived.push(frame)
    this.#wake()
  }

  async send(frame: Uint8Array): Promise<void> {
    await null
    this.bytesSent += frame.length
    this.framesSent++
    this.onSend(frame)
  }

  async receive(signal?: AbortSignal): Promise<Uint8Array | undefined> {
    while (this.#arrived.length === 0) {
      signal?.throwIfAborted()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      this.#wake = resolve
      const stop = () => reject(signal?.reason)
      signal?.addEventListener('abort', stop, { once: true })
      await promise.finally(() => signal?.removeEventListener('abort', stop))
    }
    return this.#arrived.shift()
  }

  async close(): Promise<void> {
    this.#gone.resolve()
  }

  abort(): void {
    this.#gone.resolve()
  }
}
