import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { TestNode } from '../support/test-node.ts'

const LONG = process.env.VIVIM_TEST_LONG === '1'
const USERS = LONG ? 200 : 20
const OPEN = LONG ? 16 : 3
const CALLERS = 8

describe(`${USERS} users of one node, ${OPEN} of them open at once`, { timeout: 600_000 }, () => {
  let node: TestNode
  const dids: string[] = []
  beforeAll(async () => {
    node = await TestNode.start()
    node.configure({ limits: { openUsers: OPEN } })
    await node.restart()
    const owner = await node.client()
    for (let n = 0; n < USERS; n++)
      dids.push((await owner.call('users.create', { displayName: `Person ${n}` })).did)
  }, 600_000)
  afterAll(() => node?.dispose())

  async function visit(client: Client, n: number, round: number) {
    await client.login({ did: dids[n]! })
    const name = `note ${n} ${round}`
    await client.call('capture.conversation', {
      conversation: {
        format: 'vivim.capture/1',
        provider: 'test',
        originalId: name,
        title: name,
        messages: [{ id: '1', role: 'user', parts: [{ type: 'text', content: `words of person ${n}` }] }],
      },
    })
    const titles = (await client.call('conversations.list', {})).items.map(({ title }) => title)
    // Their own, all of it, and nobody else's.
    expect(titles.sort()).toEqual(Array.from({ length: round + 1 }, (_, k) => `note ${n} ${k}`))
  }

  test('everybody is answered, keeps what is theirs, and the node stays within its room', async () => {
    const owner = await node.client()
    const clients = await Promise.all(Array.from({ length: CALLERS }, () => node.client()))
    let most = 0
    for (let round = 0; round < 2; round++) {
      let next = 0
      await Promise.all(
        clients.map(async (client) => {
          while (next < USERS) {
            await visit(client, next++, round)
            most = Math.max(most, (await owner.call('node.status')).users.open)
          }
        }),
      )
    }
    expect(most).toBeLessThanOrEqual(OPEN)
    const { users, rssMb } = await owner.call('node.status')
    expect(users.total).toBe(USERS)
    console.log(`${USERS} users in two rounds, ${most} open at most, ${rssMb} MB at the end`)
  })
})
