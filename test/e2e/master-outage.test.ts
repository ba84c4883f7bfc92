import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { eventually } from '../support/eventually.ts'
import { TestNode } from '../support/test-node.ts'

/** The goal is a p99 of 50 ms; a shared machine gets ten times that, and the figure is printed. */
const P99_MS = 500
const CALLS = 60

let nodes: TestNode[] = []
const servers: Server[] = []
afterEach(async () => {
  for (const node of nodes) await node.dispose()
  nodes = []
  for (const server of servers.splice(0)) server.close()
})

function create(): TestNode {
  const node = TestNode.create()
  nodes.push(node)
  return node
}

async function init(node: TestNode, ...args: string[]): Promise<void> {
  const { status, stderr } = node.run('init', '--no-user', '--non-interactive', ...args)
  expect(status, stderr).toBe(0)
  node.configure({ network: { mdns: false } })
}

async function member(address: string): Promise<TestNode> {
  const node = create()
  await init(node, '--join', address)
  await node.boot()
  return node
}

/** A bootstrap node that is set up but not started, and the address it will have. */
async function laterMaster(): Promise<{ master: TestNode; address: string }> {
  const master = create()
  const { status, stdout, stderr } = master.run('init', '--role', 'bootstrap', '--no-user', '--json')
  expect(status, stderr).toBe(0)
  master.configure({ network: { mdns: false } })
  const { peerId } = JSON.parse(stdout) as { peerId: string }
  // The port it chose; the environment still says "any".
  const { network } = JSON.parse(readFileSync(join(master.home, 'config.json'), 'utf8'))
  return { master, address: `${network.listen}/p2p/${peerId}` }
}

const capture = (client: Client, name: string) =>
  client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: name,
      title: `Bread, ${name}`,
      messages: [
        {
          id: `${name}-1`,
          role: 'user',
          parts: [{ type: 'text', content: `How long does dough ${name} rise?` }],
        },
      ],
    },
  })

async function pair(old: TestNode, client: Client, fresh: TestNode): Promise<Client> {
  const { code, pairingId } = await client.call('devices.pair.start')
  const joining = await fresh.client()
  const { check, did, pairingId: joined } = await joining.call('devices.pair.join', { code })
  expect((await client.call('devices.pair.status', { pairingId })).check).toBe(check)
  await client.call('devices.pair.confirm', { pairingId, check })
  const { complete } = await joining.call('devices.pair.confirm', { pairingId: joined, check })
  expect(complete).toBe(true)
  await joining.login({ did })
  expect(old.running).toBe(true)
  return joining
}

const digestOf = async (client: Client) => (await client.call('sync.status')).spaces[0]!.stateDigest

/** What a person does all day, timed: none of it may wait for a master. Answers who did it. */
async function localWork(node: TestNode, second: TestNode): Promise<string> {
  const times: Record<string, number[]> = {}
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const began = performance.now()
    const value = await work()
    times[what] = [...(times[what] ?? []), performance.now() - began]
    return value
  }
  const owner = await node.client()
  await owner.call('node.status')
  for (let index = 0; index < 5; index++)
    await timed('users.create', () => owner.call('users.create', { displayName: `Person ${index}` }))
  const { did, client } = await node.user('Ann')
  await capture(client, 'first')
  for (let index = 0; index < CALLS; index++) {
    await timed('capture', () => capture(client, `n${index}`))
    await timed('search', () => client.call('search.query', { query: 'dough rise' }))
    await timed('status', () => client.call('node.status'))
  }
  const paired = await timed('pairing', () => pair(node, client, second))
  await timed('sync', () =>
    eventually('equal digests', async () => (await digestOf(client)) === (await digestOf(paired))),
  )
  await capture(paired, 'on the second device')
  await eventually('the write of the second device', async () =>
    (await client.call('conversations.list', {})).items.some(({ title }) => title.includes('second device')),
  )
  const p99 = (each: number[]) => each.sort((a, b) => a - b)[Math.ceil(each.length * 0.99) - 1]!
  const figures = Object.entries(times).map(([what, each]) => `${what} ${p99(each).toFixed(0)}`)
  console.log(`p99 without a master, ms: ${figures.join(', ')}`)
  for (const what of ['capture', 'search', 'status']) expect(p99(times[what]!), what).toBeLessThan(P99_MS)
  // A user has keys to make and a database; five are no percentile.
  expect(Math.max(...times['users.create']!), 'users.create').toBeLessThan(10_000)
  return did
}

const devicesOf = (client: Client, did: string) =>
  client.call('master.lookup', { did }).then(
    ({ devices }) => devices.length,
    () => 0,
  )

describe('without a master', { timeout: 300_000 }, () => {
  test('a solo node has none, does everything, and keeps registrations until it joins one', async () => {
    const [node, second] = [create(), create()]
    for (const each of [node, second]) {
      await init(each)
      await each.boot()
    }
    const did = await localWork(node, second)
    const client = await node.client()
    expect((await client.call('node.status')).master).toEqual({ state: 'none' })
    const { waiting } = await client.call('master.status')
    expect(waiting).toBeGreaterThanOrEqual(12)

    const { master, address } = await laterMaster()
    await master.boot()
    const wrong = node.run('master', 'join', '/ip4/127.0.0.1/tcp/1')
    expect(wrong.status).not.toBe(0)
    const joined = node.run('master', 'join', address)
    expect(joined.status, joined.stderr).toBe(0)
    expect(joined.stdout).toContain('member of')
    const hub = await master.client()
    await eventually('the registration', async () => (await devicesOf(hub, did)) > 0, 60_000)
    const again = await node.client()
    await eventually('an empty outbox', async () => (await again.call('master.status')).waiting === 0, 60_000)
    expect(await hub.call('master.status')).toMatchObject({ users: 6 })

    // It is one at its next start too, until it leaves.
    await node.stop()
    await node.boot()
    const member = await node.client()
    expect((await member.call('node.status')).role).toBe('member')
    expect(node.run('master', 'leave').status).toBe(0)
    expect((await member.call('node.status')).master).toEqual({ state: 'none' })
    expect((await member.call('master.status')).waiting).toBeGreaterThanOrEqual(12)
    await node.stop()
    await node.boot()
    expect((await (await node.client()).call('node.status')).role).toBe('solo')
  })

  test('one whose address answers nothing is offline, and everything local works', async () => {
    // Takes connections and never says a word: the worst kind of dead.
    const mute = createServer(() => {})
    servers.push(mute)
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve))
    const { port } = mute.address() as { port: number }
    const { address } = await laterMaster()
    const dead = address.replace(/\/tcp\/\d+/, `/tcp/${port}`)
    const [node, second] = [await member(dead), await member(dead)]
    await localWork(node, second)
    const client = await node.client()
    const { state, since } = (await client.call('node.status')).master
    expect(state).toBe('offline')
    expect(since).toBeGreaterThan(0)
    expect((await client.call('master.status')).waiting).toBeGreaterThanOrEqual(12)
    await node.stop()
  })

  test('one that comes later is told everything, across a kill -9 of the member in between', async () => {
    const { master, address } = await laterMaster()
    const [node, second] = [await member(address), await member(address)]
    const did = await localWork(node, second)
    const before = await (await node.client()).call('master.status')
    expect(before.state).toBe('offline')
    await node.kill9()
    await node.boot()
    const client = await node.client()
    expect((await client.call('master.status')).waiting).toBe(before.waiting)

    await master.boot()
    const hub = await master.client()
    const told = await eventually('both devices', async () => (await devicesOf(hub, did)) === 2, 90_000)
    await eventually(
      'an empty outbox',
      async () => (await client.call('master.status')).waiting === 0,
      90_000,
    )
    expect((await client.call('node.status')).master.state).toBe('online')
    expect((await hub.call('master.lookup', { did })).displayName).toBe('Ann')
    expect(await hub.call('master.status')).toMatchObject({ users: 6, devices: 7 })

    // Gone again, and back: what is new meanwhile arrives too.
    await master.kill9()
    await eventually(
      'offline',
      async () => (await client.call('node.status')).master.state === 'offline',
      60_000,
    )
    const { did: late } = await client.call('users.create', { displayName: 'Late' })
    await node.kill9()
    await master.boot()
    await node.boot()
    const hubAgain = await master.client()
    const again = await eventually(
      'the late one',
      async () => (await devicesOf(hubAgain, late)) === 1,
      90_000,
    )
    console.log(
      `registered ${told.toFixed(0)} ms after the master came, ${again.toFixed(0)} ms after it came back`,
    )
  })
})
