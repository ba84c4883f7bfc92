import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { Flood } from '../support/flood.ts'
import { alike, documentOf, insert, introduce, type MeshDevice, meshDevice } from '../support/mesh-device.ts'
import { deviceIdentities, openDevice } from '../support/paired-vaults.ts'
import { until } from '../support/until.ts'

const PER_SECOND = 10_000
/** The goal is a tenth of it: the machine may be busy. */
const DEADLINE_MS = 100_000
const HONEST_EVERY_MS = 20

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

test.each(['gossip', 'stream'] as const)(
  'a certified device that floods the others over %s is cut and refused, and honest work arrives',
  async (way) => {
    const [first, second, third] = deviceIdentities(3)
    const vaults = [first!, second!].map((identity) => stack.use(openDevice(identity)))
    const devices = await Promise.all(vaults.map(async (vault) => stack.use(await meshDevice(vault))))
    await introduce(devices)
    const [a, b] = devices as [MeshDevice, MeshDevice]
    const flood = stack.use(
      new Flood(third!, { documents: devices.map(documentOf), perSecond: PER_SECOND, way }),
    )
    const { document } = await flood.report('document')
    for (const device of devices) await device.sync.addMember(device.vault.keys.did, document)
    const { peerId } = await flood.report('ready')
    await until('all hold what the attacker wrote', async () => alike(devices) && a.counts.has('sync.rounds'))
    a.write(insert('warm'))
    await until('honest work arrives before', async () => alike(devices))
    const before = process.memoryUsage.rss()
    let most = 0
    let written = 0
    let cutAt: number | undefined
    const began = performance.now()
    flood.begin()
    await until(
      'both have cut the attacker',
      async () => {
        a.write(insert(`honest-${written++}`))
        most = Math.max(most, process.memoryUsage.rss() - before)
        await wait(HONEST_EVERY_MS)
        const isCut = devices.every(
          ({ counts, network }) => counts.has('network.peers.refused') && !network.peers().includes(peerId),
        )
        if (isCut) cutAt ??= performance.now() - began
        return cutAt !== undefined
      },
      DEADLINE_MS,
    )
    const { sent, ms } = await flood.report('cut')
    await until('all honest work arrived', async () =>
      devices.every(({ vault }) => honest(vault.vault) === written),
    )
    console.log(
      `${way}: ${sent} sent in ${ms.toFixed(0)} ms (${((sent / ms) * 1_000).toFixed(0)}/s), cut after ${cutAt!.toFixed(0)} ms, ` +
        `${written} honest writes all arrived, ${(most / 2 ** 20).toFixed(0)} MiB more at most`,
    )
    expect(cutAt).toBeLessThan(DEADLINE_MS)
    expect(most / 2 ** 20).toBeLessThan(150)
    // It comes back at once, and is not let in.
    await wait(2_000)
    for (const { network } of devices) expect(network.peers()).not.toContain(peerId)
    expect(b.counts.get('network.peers.refused')).toBeGreaterThan(0)
  },
)

const honest = (vault: MeshDevice['vault']['vault']) =>
  vault.get<{ n: number }>("SELECT count(*) AS n FROM conversations WHERE id LIKE 'honest-%'")!.n
