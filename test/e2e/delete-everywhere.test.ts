import { afterAll, expect, test } from 'vitest'
import { byteSearch } from '../support/byte-search.ts'
import { pair } from '../support/device-pair.ts'
import { eventually } from '../support/eventually.ts'
import { dumpOf } from '../support/master-database.ts'
import { TestNode } from '../support/test-node.ts'

const LATE_MS = 120_000
const CANARY = 'Marmalade-Canary'
const nodes: TestNode[] = []
afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

async function running(...init: string[]): Promise<TestNode> {
  const node = await TestNode.start({ init })
  nodes.push(node)
  return node
}

test('an account that is ended leaves nothing on any device, and its DID log alone at the master', {
  timeout: 300_000,
}, async () => {
  const master = await running('--role', 'bootstrap')
  const hub = await master.client()
  const { address } = await hub.call('master.status')
  const [first, second] = await Promise.all([running('--join', address!), running('--join', address!)])
  const client = await first.client()
  const { did, recoveryPhrase } = await client.call('users.create', { displayName: CANARY })
  const other = await client.call('users.create', { displayName: 'Ben' })
  await client.login({ did })
  await pair({ node: first, client }, second)
  await client.call('capture.conversation', {
    conversation: {
      ...{ format: 'vivim.capture/1', provider: 'test', originalId: 'one', title: CANARY },
      messages: [{ id: '1', role: 'user', parts: [{ type: 'text', content: `All about ${CANARY}.` }] }],
    },
  })
  const there = await second.client()
  await there.login({ did })
  const titles = async () => (await there.call('conversations.list', {})).items.map(({ title }) => title)
  await eventually('the other device has it', async () => (await titles()).includes(CANARY), LATE_MS)
  const lookup = () => hub.call('master.lookup', { did })
  await eventually(
    'the master knows both',
    async () => (await lookup().catch(() => ({ devices: [] }))).devices.length === 2,
    LATE_MS,
  )
  expect(await dumpOf(master)).toContain(CANARY)

  // Neither without the root key nor with somebody else's.
  const end = (given: object) =>
    client
      .call('users.delete', { did, confirm: did, scope: 'everywhere', ...given })
      .catch(({ code }) => code)
  expect(await end({})).toBe('InvalidParams')
  expect(await end({ recoveryPhrase: other.recoveryPhrase })).toBe('Unauthorized')
  expect(await end({ passphrase: 'correct horse' })).toBe('Unauthorized')
  expect((await there.call('users.list', {})).items).toHaveLength(1)

  const owner = await first.client()
  const { status, stderr } = first.type(`${recoveryPhrase}\n`, 'user', 'delete', did, '--yes', '--everywhere')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect((await owner.call('users.list', {})).items.map((user) => user.did)).toEqual([other.did])
  await eventually('the master has withdrawn it', async () => (await lookup()).devices.length === 0, LATE_MS)
  expect((await lookup()).displayName).toBeNull()
  expect(await dumpOf(master)).not.toContain(CANARY)

  // A device that was off learns of it when it is back.
  await second.restart()
  const back = await second.client()
  await eventually(
    'it is gone there',
    async () => (await back.call('users.list', {})).items.length === 0,
    LATE_MS,
  )
  await first.stop()
  await second.stop()
  for (const node of [first, second]) expect(byteSearch(node.home, CANARY)).toEqual([])
})
