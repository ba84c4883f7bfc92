import { afterEach, expect, it } from 'vitest'
import { pair } from '../support/device-pair.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const nodes: TestNode[] = []
afterEach(async () => {
  await Promise.all(nodes.splice(0).map((node) => node.dispose()))
})

it('devices find each other in the table of a bootstrap node that knows nothing of the person', async () => {
  const hub = TestNode.create({ deadlineMs: 60_000 })
  nodes.push(hub)
  expect(hub.run('init', '--role', 'bootstrap', '--no-user', '--non-interactive').status).toBe(0)
  hub.configure({ network: { mdns: false } })
  await hub.boot()
  const owner = await hub.client()
  const { addresses } = await owner.call('network.status')

  const [first, second] = (await Promise.all([TestNode.start(), TestNode.start()])) as [TestNode, TestNode]
  nodes.push(first, second)
  for (const node of [first, second]) {
    await node.stop()
    node.configure({ network: { bootstrap: addresses[0] } })
    await node.boot()
  }
  const { client, did } = await first.user('Ann')
  const two = await pair({ node: first, client }, second)

  const { addresses: there } = await (await second.client()).call('network.status')
  const direct = there.find((address) => !address.includes('p2p-circuit'))!
  const found = await until('the other device is found', async () => {
    const { items } = await client.call('network.dht.find')
    return items.find((item) => item.deviceDid === two.deviceDid && item.addresses.includes(direct))
  })
  expect(found.at).toBeGreaterThan(0)
  await until('both documents are kept', async () => ((await owner.call('network.status')).records ?? 0) >= 2)
  expect(await owner.call('master.status')).toMatchObject({ users: 0 })
  expect(first.run('network', 'find').stdout).toContain(two.deviceDid)
  await expect(owner.call('master.lookup', { did })).rejects.toMatchObject({ code: 'NotFound' })
}, 240_000)
