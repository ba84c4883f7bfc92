import { afterEach, describe, expect, it } from 'vitest'
import { online, pair, spaceOf, untilAlike } from '../support/device-pair.ts'
import { eventually } from '../support/eventually.ts'
import { canMakeNamespaces, Namespaces } from '../support/namespaces.ts'
import { TestNode, type TestNodeOptions } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const undo: (() => unknown)[] = []
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

async function bootstrap(
  options: TestNodeOptions,
): Promise<{ node: TestNode; peerId: string; port: string }> {
  const node = TestNode.create({ ...options, deadlineMs: 60_000 })
  undo.push(() => node.dispose())
  const { status, stderr } = node.run('init', '--role', 'bootstrap', '--no-user', '--non-interactive')
  expect(status, stderr).toBe(0)
  node.configure({ network: { mdns: false, upnp: false } })
  await node.boot()
  const client = await node.client()
  const { peerId, addresses } = await client.call('network.status')
  return { node, peerId, port: /\/tcp\/(\d+)/.exec(addresses.join())![1]! }
}

async function member(options: TestNodeOptions): Promise<TestNode> {
  const node = await TestNode.start({ ...options, deadlineMs: 60_000 })
  undo.push(() => node.dispose())
  const client = await node.client()
  await until(
    'a seat at the relay',
    async () => {
      const { reachability } = await client.call('network.status')
      return reachability === 'relayed'
    },
    60_000,
  )
  return node
}

describe.skipIf(!canMakeNamespaces())('two devices in networks that have no way to each other', () => {
  it('are paired, kept in step and brought back by way of the bootstrap node', async () => {
    const networks = new Namespaces()
    undo.push(() => networks[Symbol.dispose]())
    const sides = [networks.leaf(1), networks.leaf(2)] as const
    const hub = await bootstrap(networks.options(networks.middle))
    const [first, second] = (await Promise.all(
      sides.map(({ leaf, middle }) => {
        const join = `/ip4/${middle.address}/tcp/${hub.port}/p2p/${hub.peerId}`
        return member(networks.options(leaf.namespace, { VIVIM_JOIN: join }))
      }),
    )) as [TestNode, TestNode]

    const { client } = await first.user('Ann')
    const { deviceDid } = await client.call('auth.whoami')
    const one = { node: first, client, deviceDid }
    const two = await pair(one, second)
    await client.call('notebooks.create', { name: 'Across' })
    await untilAlike([one, two])
    const { peers: seen } = await (await first.client()).call('network.status')
    const { peerId } = await (await second.client()).call('network.status')
    expect(seen.find((peer) => peer.peerId === peerId)).toMatchObject({ relayed: true })
    expect(first.run('network').stdout).toContain('Others reach this node through a relay.')
    expect((await (await hub.node.client()).call('network.status')).seats).toBe(2)

    // Written apart, and the relay was away meanwhile.
    await online(two, false)
    await client.call('notebooks.create', { name: 'Alone' })
    await hub.node.kill9()
    await online(two, true)
    await hub.node.boot()
    const ms = await untilAlike([one, two], 110_000)
    console.log(`  back in step ${Math.round(ms)} ms after the relay came back`)
    expect((await spaceOf(two)).operations).toBe((await spaceOf(one)).operations)

    // The first one's cable is out for longer than a connection lasts, then in again; no process is started anew.
    const [{ leaf, middle, device }] = sides
    networks.link(leaf.namespace, device, false, middle.address)
    const cut = await first.client()
    await until('the cut is noticed', async () => (await cut.call('network.status')).peers.length === 0)
    await two.client.call('notebooks.create', { name: 'While it was out' })
    networks.link(leaf.namespace, device, true, middle.address)
    const again = await untilAlike([one, two], 110_000)
    console.log(`  back in step ${Math.round(again)} ms after the cable was in again`)
    expect((await cut.call('network.status')).restarts).toBe(0)
    await eventually(
      'the seats',
      async () => (await (await hub.node.client()).call('network.status')).seats === 2,
    )
  }, 300_000)
})
