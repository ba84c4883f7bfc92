import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { decodeDid } from '../../daemon/identity/did.ts'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch, filesBelow } from '../support/byte-search.ts'
import { pair } from '../support/device-pair.ts'
import { eventually } from '../support/eventually.ts'
import { TestNode } from '../support/test-node.ts'

const WITHIN_MS = 60_000
const TITLES = ['quagga-in-the-morning', 'ptarmigan-at-noon', 'axolotl-by-night', 'narwhal-after-all']

const nodes: TestNode[] = []
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.dispose()
})

async function node(...args: string[]): Promise<TestNode> {
  const made = TestNode.create()
  nodes.push(made)
  const { status, stderr } = made.run('init', '--no-user', '--non-interactive', ...args)
  expect(status, stderr).toBe(0)
  made.configure({ network: { mdns: false } })
  await made.boot()
  return made
}

const write = async (client: Client, title: string, text = `What is a ${title}?`) => {
  const result = await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: title,
      title,
      messages: [{ id: `${title}-1`, role: 'user', parts: [{ type: 'text', content: text }] }],
    },
  })
  return result
}
const titles = async (client: Client) =>
  (await client.call('conversations.list', {})).items.map(({ title }) => title).sort()
const statusOf = async (client: Client) => (await client.call('sync.status')).spaces[0]!
const left = async (client: Client) => (await statusOf(client)).peers[0]!.mailbox

describe('two devices that are never there together', { timeout: 300_000 }, () => {
  test('meet through the bootstrap node, across kill -9, and it learns nothing', async () => {
    const keeper = await node('--role', 'bootstrap')
    const hub = await keeper.client()
    await eventually(
      'the master',
      async () => (await hub.call('master.status')).state === 'online',
      WITHIN_MS,
    )
    const address = (await hub.call('master.status')).address!
    const [one, two] = [await node('--join', address), await node('--join', address)]
    const { did, client } = await one.user('Ann')
    const paired = await pair({ node: one, client }, two, 'Phone')
    const devices = [(await client.call('auth.whoami')).deviceDid, paired.deviceDid]
    await eventually(
      'both registered',
      async () => (await hub.call('master.lookup', { did })).devices.length === 2,
      WITHIN_MS,
    )
    await eventually(
      'both the same',
      async () => (await statusOf(client)).stateDigest === (await statusOf(paired.client)).stateDigest,
      WITHIN_MS,
    )
    const back = async (which: TestNode) => {
      await which.boot()
      const again = await which.client()
      await again.login({ did })
      return again
    }

    // One writes while the other is away, and is killed before the other comes.
    await two.kill9()
    for (const title of TITLES.slice(0, 2)) await write(client, title)
    // Larger than what gossip carries.
    await write(client, 'large', `${TITLES[2]} `.repeat(2_500))
    await eventually(
      'all left',
      async () => {
        const [peer] = (await statusOf(client)).peers
        return peer!.behind > 0 && peer!.mailbox?.operations === peer!.behind
      },
      WITHIN_MS,
    )
    const waiting = (await left(client))!.operations
    expect(one.run('sync').stdout).toMatch(
      new RegExp(`Phone: .*, ${waiting} operations left at the bootstrap node`),
    )
    await one.kill9()
    // And so is the keeper.
    await keeper.kill9()
    await keeper.boot()

    let began = performance.now()
    const second = await back(two)
    await eventually('what one wrote is on two', async () => (await titles(second)).length === 3, WITHIN_MS)
    console.log(`read from the mailbox ${Math.round(performance.now() - began)} ms after login`)
    const [first] = (await second.call('conversations.list', {})).items.filter(
      ({ title }) => title === TITLES[0],
    )
    expect(await second.call('conversations.delete', { id: first!.id, erase: true })).toMatchObject({
      erased: true,
    })
    await write(second, TITLES[3]!)
    await eventually(
      'all left by two',
      async () => {
        const [peer] = (await statusOf(second)).peers
        return peer!.behind > 0 && peer!.mailbox?.operations === peer!.behind
      },
      WITHIN_MS,
    )
    const mailboxes = join(keeper.home, 'mailboxes')
    expect(filesBelow(mailboxes).length).toBeGreaterThan(3)
    await two.kill9()
    // Files of a running database come and go.
    await keeper.stop()
    expectNothingIn(mailboxes, did, devices)
    for (const title of TITLES) expect(byteSearch(keeper.home, title), title).toEqual([])
    await keeper.boot()

    began = performance.now()
    const again = await back(one)
    const expected = ['large', TITLES[1], TITLES[3]].sort()
    await eventually(
      'what two wrote and erased is on one',
      async () => (await titles(again)).join() === expected.join(),
      WITHIN_MS,
    )
    console.log(`the way back ${Math.round(performance.now() - began)} ms after login`)
    // Two said what it holds of what had been left for it.
    await eventually('one knows how far two is', async () => (await statusOf(again)).peers[0]!.behind < 5)
    await eventually(
      'one has purged it',
      async () => {
        const [erasure] = (await again.call('sync.erasures', {})).items
        return erasure?.devices.find(({ deviceDid }) => deviceDid === devices[0])?.purged
      },
      WITHIN_MS,
    )
    expect(await again.call('sync.verify')).toMatchObject({ ok: true })

    // An orderly stop leaves what was written in its last moment.
    await write(again, 'last-words')
    await one.stop()
    expect(byteSearch(one.home, TITLES[0]!)).toEqual([])
    const third = await back(two)
    await eventually('the last words', async () => (await titles(third)).includes('last-words'), WITHIN_MS)
    expect(await third.call('sync.verify')).toMatchObject({ ok: true })
  })

  test('learn so that a third was taken out, and read what is under the new key', async () => {
    const keeper = await node('--role', 'bootstrap')
    const hub = await keeper.client()
    await eventually(
      'the master',
      async () => (await hub.call('master.status')).state === 'online',
      WITHIN_MS,
    )
    const address = (await hub.call('master.status')).address!
    const [one, two, three] = [
      await node('--join', address),
      await node('--join', address),
      await node('--join', address),
    ]
    const client = await one.client()
    const { did, recoveryPhrase } = await client.call('users.create', { displayName: 'Ann' })
    await client.login({ did })
    const phone = await pair({ node: one, client }, two, 'Phone')
    const tablet = await pair({ node: one, client }, three, 'Tablet')
    await eventually(
      'the phone knows the tablet',
      async () => (await phone.client.call('devices.list')).items.length === 3,
      WITHIN_MS,
    )
    await Promise.all([two.kill9(), three.kill9()])
    await client.call('devices.revoke', { device: tablet.deviceDid, recoveryPhrase })
    await write(client, TITLES[0]!)
    await eventually(
      'all left',
      async () => {
        const peer = (await statusOf(client)).peers.find(({ deviceDid }) => deviceDid === phone.deviceDid)!
        return peer.behind > 0 && peer.mailbox?.operations === peer.behind
      },
      WITHIN_MS,
    )
    await one.kill9()
    await two.boot()
    const again = await two.client()
    await again.login({ did })
    await eventually('the title', async () => (await titles(again)).includes(TITLES[0]!), WITHIN_MS)
    const { items } = await again.call('devices.list')
    expect(items.find(({ deviceDid }) => deviceDid === tablet.deviceDid)?.state).toBe('revoked')
    expect((await statusOf(again)).membership.entries).toBeGreaterThan(0)
    expect(await again.call('sync.verify')).toMatchObject({ ok: true })
  })
})

/** No DID, in whatever form, and no file or folder named by one. */
function expectNothingIn(folder: string, did: string, devices: readonly string[]): void {
  for (const name of [did, ...devices]) {
    expect(byteSearch(folder, name), name).toEqual([])
    expect(byteSearch(folder, name.replace('did:key:', '')), name).toEqual([])
    const key = Buffer.from(decodeDid(name))
    for (const file of filesBelow(folder)) expect(readFileSync(file).includes(key), file).toBe(false)
  }
  expect(filesBelow(folder).join()).not.toContain('did')
  for (const file of filesBelow(folder)) expect(readFileSync(file).length).toBeGreaterThan(0)
}
