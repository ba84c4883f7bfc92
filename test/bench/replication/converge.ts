import { setTimeout as pause } from 'node:timers/promises'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import { CommitNews } from '../../../daemon/users/commit-news.ts'
import { type PairedVault, pairedVaults } from '../../support/paired-vaults.ts'
import { seededRandom } from '../../support/seed.ts'
import { type Measurement, median, quantile } from '../measurement.ts'
import { message } from './rows.ts'
import { type SyncDevice, syncDevice } from './sync-device.ts'

const NODES = 8
const SETTLE_MS = 60_000
const WARM_UP = 20

/** Eight nodes of one person in one process, real network and vaults: from a write until all have committed it. */
export async function converging(writes: number): Promise<Measurement[]> {
  using pair = pairedVaults(NODES, { introduced: false })
  const { vaults } = pair
  const devices: SyncDevice[] = []
  try {
    for (const vault of vaults) devices.push(await deviceOf(vault))
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
    const note = `${NODES} nodes in one process on loopback TCP; write, commit, tell, merge and commit on all; slowest ${Math.max(...samples).toFixed(0)} ms`
    return [
      { name: 'replication.converge8_p50_ms', value: median(samples), goal: 8, ...common, note },
      { name: 'replication.converge8_p95_ms', value: quantile(samples, 0.95), goal: 25, ...common, note },
    ]
  } finally {
    for (const device of devices) await device[Symbol.asyncDispose]()
  }
}

const waiting = new Map<PairedVault, () => void>()

async function deviceOf(vault: PairedVault): Promise<SyncDevice> {
  const replicate = (async (action, params) => {
    await null
    return (vault.replica[action] as (params: unknown) => unknown)(params)
  }) as Replicate
  const device = await syncDevice(vault.keys, replicate)
  const news = new CommitNews(vault.vault, device.committed)
  vault.vault.onCommit = () => {
    waiting.get(vault)?.()
    news.schedule()
  }
  return device
}

/** Milliseconds from before the write until every other vault has committed the row. */
async function untilTold(
  vaults: readonly PairedVault[],
  writer: PairedVault,
  key: string,
  withinMs: number,
): Promise<number> {
  const seen = vaults.filter((vault) => vault !== writer).map((vault) => committedRow(vault, key))
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${key} is not everywhere`)), withinMs)
  const start = performance.now()
  const { entity, kind, values } = message(0, 'x'.repeat(95))
  writer.vault.transact((tx) => tx.write([{ kind, entity, values, key } as ReturnType<typeof message>]))
  await Promise.race([Promise.all(seen), late.promise])
  const ms = performance.now() - start
  clearTimeout(timer)
  for (const vault of vaults) waiting.delete(vault)
  return ms
}

function committedRow(vault: PairedVault, key: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const look = () => {
    const [row] = vault.vault.all('SELECT 1 FROM message_versions WHERE id = ?', [key])
    if (row) resolve()
  }
  waiting.set(vault, look)
  return promise
}
