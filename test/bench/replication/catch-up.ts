import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { type DeviceIdentity, deviceIdentities } from '../../support/paired-vaults.ts'
import { type Measurement, median } from '../measurement.ts'
import { syncDevice } from './sync-device.ts'
import { ThreadedVault, vaultThread } from './threaded-vault.ts'

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
  const source = vaultThread({ identity: has, rows: operations })
  const [[document], vault] = (await Promise.all([once(source, 'message'), ThreadedVault.open(lacks)])) as [
    [Uint8Array],
    ThreadedVault,
  ]
  const all = Promise.withResolvers<void>()
  vault.onAnswer = ({ frontier }) => {
    if (frontier?.[0]?.sequence === operations) all.resolve()
  }
  const device = await syncDevice(lacks.keys, vault.replicate)
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
    source.postMessage('close')
    await once(source, 'exit')
    await vault[Symbol.asyncDispose]()
  }
}
