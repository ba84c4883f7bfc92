import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { UserKeys } from '../../daemon/identity/user-keys.ts'
import type { DeviceIdentity } from './paired-vaults.ts'

/** What the flooding process is told first; a second message sets it off. */
export interface FloodOrder {
  readonly identity: {
    readonly keys: Omit<UserKeys, 'deviceKey'>
    /** PKCS #8, DER. */
    readonly deviceKey: Uint8Array
    readonly document: Uint8Array
  }
  readonly documents: readonly Uint8Array[]
  readonly perSecond: number
  readonly way: 'gossip' | 'stream'
}

export type FloodReport =
  | { readonly type: 'document'; readonly document: Uint8Array }
  | { readonly type: 'ready'; readonly peerId: string }
  | { readonly type: 'cut'; readonly sent: number; readonly ms: number; readonly left: number }
  | { readonly type: 'failed'; readonly reason: string }

const CHILD = fileURLToPath(new URL('./flood-child.ts', import.meta.url))

/** A process that floods the others as a certified device. */
export class Flood implements Disposable {
  readonly #child: ChildProcess
  readonly #reports: FloodReport[] = []
  #wake: () => void = () => {}

  constructor(
    { keys: { deviceKey, ...keys }, document }: DeviceIdentity,
    order: Pick<FloodOrder, 'documents' | 'perSecond' | 'way'>,
  ) {
    this.#child = fork(CHILD, { serialization: 'advanced' })
    this.#child.on('message', (report: FloodReport) => {
      this.#reports.push(report)
      this.#wake()
    })
    const der = deviceKey.export({ format: 'der', type: 'pkcs8' })
    const identity = { keys, deviceKey: new Uint8Array(der), document }
    const message: FloodOrder = { ...order, identity }
    this.#child.send(message)
  }

  begin(): void {
    this.#child.send('begin')
  }

  async report<T extends FloodReport['type']>(type: T): Promise<Extract<FloodReport, { type: T }>> {
    for (;;) {
      const failed = this.#reports.find((each) => each.type === 'failed')
      if (failed) throw new Error(`the flood failed: ${failed.reason}`)
      const found = this.#reports.find((each) => each.type === type)
      if (found) return found as Extract<FloodReport, { type: T }>
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  [Symbol.dispose](): void {
    this.#child.kill('SIGKILL')
  }
}
