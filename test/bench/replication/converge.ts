import { setTimeout as pause } from 'node:timers/promises'
import { deviceIdentities } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'
import { type Measurement, median, quantile } from '../measurement.ts'
import { type SyncDevice, syncDevice } from './sync-device.ts'
import { ThreadedVault } from './threaded-vault.ts'

const NODES = 8
const SETTLE_MS = 60_000
const WARM_UP = 20

/**
 * Eight nodes of one person in one process, with real networks, and vaults in threads of their own as nodes have them:
 * from before a write until all have committed it.
 */
export async function converging(writes: number): Promise<Measurement[]> {
  const vaults: ThreadedVault[] = []
  const devices: SyncDevice[] = []
  try {
    for (const identity of deviceIdentities(NODES)) {
      const vault = await ThreadedVault.open(identity)
      vaults.push(vault)
      const device = await syncDevice(identity.keys, vault.replicate)
      devices.push(device)
      vault.onNews = device.committed
    }
    for (const device of devices)
      for (const other of devices) if (other !== device) await device.addMember(await other.document())
    await untilTold(vaults, vaults[0]!, 'together', SETTLE_MS)
    const samples: number[] = []
    const random = seededRandom('converge')
    for (let n = 0; n < WARM_UP + writes; n++) {
      // Each in its turn, and none while the write before is still being told of.
      const ms = await untilTold(vaults, vaults[n % NODES]!, `row-${n}`, SETTLE_MS)
      if (n >= WARM_UP) samples.push(ms)
      await pause(30 + random.integer(40))
    }
    const common = { unit: 'ms', better: 'lower', runs: writes } as const
    const note = `${NODES} nodes in one process on loopback TCP, a thread for each vault; write, commit, tell, merge and commit on all; slowest ${Math.max(...samples).toFixed(0)} ms`
    return [
      { name: 'replication.converge8_p50_ms', value: median(samples), goal: 8, ...common, note },
      { name: 'replication.converge8_p95_ms', value: quantile(samples, 0.95), goal: 25, ...common, note },
    ]
  } finally {
    for (const device of devices) await device[Symbol.asyncDispose]()
    for (const vault of vaults) await vault[Symbol.asyncDispose]()
  }
}

/** Milliseconds from before the write until every other vault has committed the row. */
async function untilTold(
  vaults: readonly ThreadedVault[],
  writer: ThreadedVault,
  key: string,
  withinMs: number,
): Promise<number> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${key} is not everywhere`)), withinMs)
  const seen = vaults.filter((vault) => vault !== writer).map((vault) => committedRow(vault, key))
  const start = performance.now()
  writer.write(key)
  await Promise.race([Promise.all(seen), late.promise])
  const ms = performance.now() - start
  clearTimeout(timer)
  return ms
}

function committedRow(vault: ThreadedVault, key: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  vault.onCommitted = (newest) => {
    if (newest === key) resolve()
  }
  return promise
}
