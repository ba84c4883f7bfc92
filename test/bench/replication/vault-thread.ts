import { parentPort, workerData } from 'node:worker_threads'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import type { ReplicaAction } from '../../../daemon/vault/replica.ts'
import { type DeviceIdentity, openDevice } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'
import { writeRows } from './rows.ts'
import { syncDevice } from './sync-device.ts'

/**
 * A device's vault in a thread of its own, as a node has it. With `rows` it is the whole device: it writes them, and
 * answers on a network of its own; without, it does what the main thread asks of it.
 */
export interface VaultThreadData {
  readonly identity: DeviceIdentity
  readonly rows: number
}

const { identity, rows } = workerData as VaultThreadData
const port = parentPort!
const vault = openDevice(identity)
const replicate = (action: string, params: unknown) =>
  (vault.replica[action as ReplicaAction] as (params: unknown) => unknown)(params)

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
  port.postMessage('ready')
  port.on('message', (call: { id: number; action: string; params: unknown } | 'close') => {
    if (call === 'close') return leave()
    try {
      port.postMessage({ id: call.id, value: replicate(call.action, call.params) })
    } catch (error) {
      port.postMessage({ id: call.id, error })
    }
  })
}

function leave(): void {
  vault[Symbol.dispose]()
  process.exit(0)
}
