import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Frontier } from '../../../crdt/frontier.ts'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import { type DeviceIdentity, deviceIdentities } from '../../support/paired-vaults.ts'
import { type Measurement, median } from '../measurement.ts'
import { syncDevice } from './sync-device.ts'
import type { VaultThreadData } from './vault-thread.ts'

const DEADLINE_MS = 120_000

/**
 * A new device fetches everything, over real streams: the one that has it is a thread with a network and a vault of its
 * own, the new one has its network in this thread and its vault in another, as in a node.
 */
export async function catchingUp(operations: number, runs: number): Promise<Measurement[]> {
  const seconds: number[] = []
  const delays: number[] = []
  for (let run = 0; run < runs; run++) {
    const caught = await catchUp(operations)
    seconds.push(caught.seconds)
    delays.push(caught.delayMs)
  }
  const note = `${operations} operations over TCP, Noise and Yamux on loopback, from introduction to all of it committed`
  return [
    {
      name: 'replication.catchup_full_seconds',
      value: median(seconds),
      unit: 's',
      goal: 2.5,
      better: 'lower',
      runs,
      note: `${note}; each run: ${seconds.map((value) => value.toFixed(2)).join(', ')} s`,
    },
    {
      name: 'node.loop_delay_p99_ms',
      value: median(delays),
      unit: 'ms',
      goal: 20,
      better: 'lower',
      runs,
      note: `of the main loop of the device that catches up: ${note}`,
    },
  ]
}

async function catchUp(operations: number): Promise<{ seconds: number; delayMs: number }> {
  const [has, lacks] = deviceIdentities(2) as [DeviceIdentity, DeviceIdentity]
  const source = threadOf({ identity: has, rows: operations })
  const vault = threadOf({ identity: lacks, rows: 0 })
  const [[document]] = (await Promise.all([once(source, 'message'), once(vault, 'message')])) as [
    [Uint8Array],
    unknown,
  ]
  const all = Promise.withResolvers<void>()
  const replicate = callsTo(vault, (frontier) => {
    if (frontier[0]?.sequence === operations) all.resolve()
  })
  const device = await syncDevice(lacks.keys, replicate)
  const late = setTimeout(() => all.reject(new Error('it does not catch up')), DEADLINE_MS)
  try {
    source.postMessage(await device.document())
    // What was written before is on the disk and out of the way.
    await pause(300)
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const start = performance.now()
    await device.addMember(document)
    await all.promise
    const seconds = (performance.now() - start) / 1_000
    delay.disable()
    return { seconds, delayMs: delay.percentile(99) / 1e6 }
  } finally {
    clearTimeout(late)
    await device[Symbol.asyncDispose]()
    for (const thread of [source, vault]) {
      thread.postMessage('close')
      await once(thread, 'exit')
    }
  }
}

function threadOf(workerData: VaultThreadData): Worker {
  return new Worker(new URL('./vault-thread.ts', import.meta.url), { workerData })
}

/** Asks the vault's thread; tells of what it holds after each merge. */
function callsTo(vault: Worker, onApplied: (frontier: Frontier) => void): Replicate {
  const open = new Map<number, PromiseWithResolvers<unknown>>()
  let last = 0
  vault.on(
    'message',
    ({ id, value, error }: { id: number; value: { frontier?: Frontier }; error?: Error }) => {
      if (error) open.get(id)?.reject(error)
      else open.get(id)?.resolve(value)
      open.delete(id)
      if (value?.frontier) onApplied(value.frontier)
    },
  )
  return ((action, params) => {
    const call = Promise.withResolvers<unknown>()
    open.set(++last, call)
    const { type: _, ...rest } = params as Record<string, unknown>
    vault.postMessage({ id: last, action, params: rest })
    return call.promise
  }) as Replicate
}
