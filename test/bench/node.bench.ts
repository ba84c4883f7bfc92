import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateExport } from '../support/generate-export.ts'
import { TestNode } from '../support/test-node.ts'
import { type Bench, median } from './measurement.ts'
import { residentMb } from './resident.ts'

/** Start to ready, and memory of a node without open users. */
export const nodeBench: Bench = {
  prefix: 'node',
  async run({ quick }) {
    const runs = quick ? 2 : 7
    const ready: number[] = []
    const resident: number[] = []
    await using node = TestNode.create()
    node.run('init', '--non-interactive')
    const operations = await fill(node, quick ? 2_000_000 : 55_000_000)
    for (let run = 0; run < runs; run++) {
      const start = performance.now()
      await node.boot()
      const client = await node.client()
      await client.call('node.status')
      ready.push((performance.now() - start) / 1_000)
      await new Promise((resolve) => setTimeout(resolve, 1_000))
      resident.push(residentMb(node.pid))
      await client.close()
      await node.stop()
    }
    return [
      {
        name: 'node.ready_s',
        value: median(ready),
        unit: 's',
        goal: 2,
        better: 'lower',
        runs,
        note: `from spawn to the first answer of node.status, one user with ${operations} operations on the node`,
      },
      {
        name: 'node.rss_mb',
        value: median(resident),
        unit: 'MB',
        goal: 150,
        better: 'lower',
        runs,
        note: 'one second after ready, no user open',
      },
    ]
  },
}

/** Imports an export of so many bytes for the user of the node. Answers how many operations that made. */
async function fill(node: TestNode, bytes: number): Promise<number> {
  const path = join(node.folder, 'conversations.json')
  await generateExport(path, { bytes, seed: 'ready' })
  await node.boot()
  const client = await node.client()
  const [user] = (await client.call('users.list')).items
  await client.login({ did: user!.did })
  await client.call('capture.import', { path, wait: 'indexed' }, { timeoutMs: 1_800_000 })
  const [space] = (await client.call('sync.status')).spaces
  await client.close()
  await node.stop()
  await rm(path)
  return space!.operations
}
