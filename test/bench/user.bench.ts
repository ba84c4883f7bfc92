import { seededRandom } from '../support/seed.ts'
import { TestNode } from '../support/test-node.ts'
import { madeConversation } from './conversation.ts'
import { type Bench, median } from './measurement.ts'
import { residentMb } from './resident.ts'

const UNITS = 1_000

/** Memory that one more open user costs, with 1,000 units. */
export const userBench: Bench = {
  prefix: 'user',
  async run({ quick }) {
    const users = quick ? 3 : 6
    await using node = await TestNode.start()
    const costs: number[] = []
    let before = residentMb(node.pid)
    for (let at = 0; at < users; at++) {
      const random = seededRandom(`user ${at}`)
      const { client } = await node.user(`User ${at}`)
      for (let part = 0; part < UNITS / 100; part++)
        await client.call('capture.conversation', {
          conversation: madeConversation(random, `u${at}-${part}`, 100),
          wait: 'indexed',
        })
      await client.call('search.query', { query: 'bread oven' })
      await client.call('context.compile', { message: 'How do I fix the oven?' })
      await new Promise((resolve) => setTimeout(resolve, 2_000))
      const now = residentMb(node.pid)
      costs.push(now - before)
      before = now
    }
    return [
      {
        name: 'user.rss_mb',
        value: median(costs),
        unit: 'MB',
        goal: 40,
        better: 'lower',
        runs: users,
        note: `growth per open user with ${UNITS} units, after a search and a compile; each: ${costs.map((mb) => mb.toFixed(0)).join(', ')}`,
      },
    ]
  },
}
