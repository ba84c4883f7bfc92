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
        note: 'from spawn to the first answer of node.status, one user on the node',
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
