import { join } from 'node:path'
import { generateExport } from '../support/generate-export.ts'
import { seededRandom } from '../support/seed.ts'
import { TestNode } from '../support/test-node.ts'
import { madeConversation } from './conversation.ts'
import { importMegabytes, largeImport } from './large-import.ts'
import { type Bench, type Measurement, median, quantile, timed } from './measurement.ts'

/** Acknowledged captures and writes over the socket, and a large import. */
export const captureBench: Bench = {
  prefix: 'capture',
  async run({ quick }) {
    const runs = quick ? 10 : 60
    const random = seededRandom('capture')
    await using node = await TestNode.start()
    const { client } = await node.user()
    const captures: number[] = []
    const writes: number[] = []
    for (let run = -5; run < runs; run++) {
      const conversation = madeConversation(random, `c${run}`, 100)
      const ms = await timed(() => client.call('capture.conversation', { conversation }))
      if (run >= 0) captures.push(ms)
      await untilIndexed(client)
    }
    const { items } = await client.call('conversations.list', { limit: 1 })
    for (let run = -5; run < runs; run++) {
      const params = { id: items[0]!.id, add: [`tag ${run}`] }
      const ms = await timed(() => client.call('conversations.tag', params))
      if (run >= 0) writes.push(ms)
    }
    return [
      {
        name: 'capture.ack_100_messages_ms',
        value: median(captures),
        unit: 'ms',
        goal: 15,
        better: 'lower',
        runs,
        note: `over the socket, durable; p95 ${quantile(captures, 0.95).toFixed(1)}`,
      },
      {
        name: 'capture.single_write_ms',
        value: median(writes),
        unit: 'ms',
        goal: 2,
        better: 'lower',
        runs,
        note: `conversations.tag over the socket, durable; p95 ${quantile(writes, 0.95).toFixed(1)}`,
      },
      await extraction(quick ? 5 : 20),
      ...(await largeImport(importMegabytes(quick ? 20 : 200))),
    ]
  },
}

/** From the call to the last unit in the index. */
async function extraction(megabytes: number): Promise<Measurement> {
  await using node = await TestNode.start()
  const { client } = await node.user()
  const path = join(node.folder, 'conversations.json')
  await generateExport(path, { bytes: megabytes * 1e6, seed: 'bench' })
  const start = performance.now()
  await client.call('capture.import', { path, wait: 'stored' }, { timeoutMs: 3_600_000 })
  await untilIndexed(client)
  const seconds = (performance.now() - start) / 1_000
  const { units } = await client.call('conversations.stats')
  return {
    name: 'capture.import_units_per_s',
    value: units / seconds,
    unit: 'ops/s',
    goal: 5_000,
    better: 'higher',
    runs: 1,
    note: `stored, split, typed, scored, linked and indexed; ${megabytes} MB, ${units} units`,
  }
}

async function untilIndexed(client: Awaited<ReturnType<TestNode['client']>>): Promise<void> {
  while ((await client.call('conversations.stats')).pending > 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
}
