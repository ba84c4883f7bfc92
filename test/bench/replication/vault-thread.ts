import { parentPort, workerData } from 'node:worker_threads'
import type { Frontier } from '../../../crdt/frontier.ts'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import { CommitNews } from '../../../daemon/users/commit-news.ts'
import type { ReplicaAction } from '../../../daemon/vault/replica.ts'
import { type DeviceIdentity, openDevice } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'
import { message, writeRows } from './rows.ts'
import { syncDevice } from './sync-device.ts'

/**
 * A device's vault in a thread of its own, as a node has it. With `rows` it is the whole device: it writes them, and
 * answers on a network of its own; without, it does what the main thread asks of it.
 */
export interface VaultThreadData {
  readonly identity: DeviceIdentity
  readonly rows: number
}

export type VaultThreadCall =
  | { readonly id: number; readonly action: string; readonly params: unknown }
  | { readonly write: string }
  | 'close'

export type VaultThreadNews =
  | 'ready'
  | { readonly id: number; readonly value?: unknown; readonly error?: Error }
  /** Key of the newest row, after a commit. */
  | { readonly committed: string | undefined }
  /** What the other devices are told of. */
  | { readonly frontier: Frontier; readonly written: readonly Uint8Array[] }

const { identity, rows } = workerData as VaultThreadData
const port = parentPort!
const vault = openDevice(identity)
const replicate = (action: string, params: unknown) =>
  (vault.replica[action as ReplicaAction] as (params: unknown) => unknown)(params)
const say = (news: VaultThreadNews) => port.postMessage(news)

if (rows > 0) {
  writeRows(vault, seededRandom('catch-up'), rows)
  const device = await syncDevice(vault.keys, (async (action, params) => {
    await null
    return replicate(action, params)
  }) as Replicate)
  port.postMessage(await device.document())
  port.on('message', (document: Uint8Array | 'close') => {
    if (document !== 'close') return void device.addMember(document)
    void device[Symbol.asyncDispose]().then(leave)
  })
} else {
  const news = new CommitNews(vault.vault, (frontier, written) => say({ frontier, written }))
  vault.vault.onCommit = () => {
    const [newest] = vault.vault.all<{ id: string }>(
      'SELECT id FROM message_versions ORDER BY rowid DESC LIMIT 1',
    )
    say({ committed: newest?.id })
    news.schedule()
  }
  say('ready')
  port.on('message', (call: VaultThreadCall) => {
    if (call === 'close') return leave()
    if ('write' in call) {
      const change = { ...message(0, 'x'.repeat(95)), key: call.write }
      vault.vault.transact((tx) => tx.write([change as ReturnType<typeof message>]))
      return
    }
    try {
      say({ id: call.id, value: replicate(call.action, call.params) })
    } catch (error) {
      say({ id: call.id, error: error as Error })
    }
  })
}

function leave(): void {
  vault[Symbol.dispose]()
  process.exit(0)
}
