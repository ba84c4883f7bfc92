import { seededRandom } from '../support/seed.ts'
import { TestNode } from '../support/test-node.ts'
import { madeConversation } from './conversation.ts'
import { type Bench, median, quantile } from './measurement.ts'
import { residentMb } from './resident.ts'

const OPEN = 16

/** More users than may be open, one after another: what a call costs that has to open a database first. */
export const usersBench: Bench = {
  prefix: 'users',
  async run({ quick }) {
    const users = quick ? 20 : 48
    await using node = await TestNode.start()
    node.configure({ limits: { openUsers: OPEN } })
    await node.restart()
    const random = seededRandom('users')
    const client = await node.client()
    const dids: string[] = []
    for (let n = 0; n < users; n++) {
      const { did } = await client.call('users.create', { displayName: `User ${n}` })
      dids.push(did)
      await client.login({ did })
      await client.call('capture.conversation', {
        conversation: madeConversation(random, `u${n}`, 100),
        wait: 'indexed',
      })
    }
    const opened: number[] = []
    const rounds = quick ? 1 : 3
    for (let round = 0; round < rounds; round++)
      for (const did of dids) {
        await client.login({ did })
        const start = performance.now()
        await client.call('conversations.list', {})
        opened.push(performance.now() - start)
      }
    const { users: count } = await client.call('node.status')
    return [
      {
        name: 'users.open_p95_ms',
        value: quantile(opened, 0.95),
        unit: 'ms',
        goal: null,
        better: 'lower',
        runs: opened.length,
        note: `${users} users in turn, ${count.open} open at the end, each with a conversation of 100 messages: first answer of a user that was closed; middle ${median(opened).toFixed(0)} ms; ${residentMb(node.pid).toFixed(0)} MB at the end`,
      },
    ]
  },
}
