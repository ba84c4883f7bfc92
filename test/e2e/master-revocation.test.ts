import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type PairedDevice, pair } from '../support/device-pair.ts'
import { eventually } from '../support/eventually.ts'
import { TestNode } from '../support/test-node.ts'

const LATE_MS = 120_000

describe('a revocation that a master hands on', { timeout: 300_000 }, () => {
  const nodes: TestNode[] = []
  afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

  let kept: PairedDevice
  let lost: PairedDevice
  let third: PairedDevice
  let did: string
  let recoveryPhrase: string

  const isIdle = (device: PairedDevice) => async () =>
    (await device.client.call('master.status')).waiting === 0
  const stateOf = async (device: PairedDevice, of: PairedDevice) =>
    (await device.client.call('devices.list')).items.find(({ deviceDid }) => deviceDid === of.deviceDid)
      ?.state
  const titles = async ({ client }: PairedDevice) =>
    (await client.call('conversations.list', {})).items.map(({ title }) => title).sort()

  beforeAll(async () => {
    const master = TestNode.create()
    nodes.push(master)
    expect(master.run('init', '--role', 'bootstrap', '--no-user', '--non-interactive').status).toBe(0)
    master.configure({ network: { mdns: false } })
    await master.boot()
    const { address } = await (await master.client()).call('master.status')
    const members = await Promise.all(
      [0, 1, 2].map(async () => {
        const node = TestNode.create()
        nodes.push(node)
        expect(node.run('init', '--no-user', '--non-interactive', '--join', address!).status).toBe(0)
        node.configure({ network: { mdns: false } })
        await node.boot()
        return node
      }),
    )
    const [first, second, last] = members as [TestNode, TestNode, TestNode]
    const client = await first.client()
    ;({ did, recoveryPhrase } = await client.call('users.create', { displayName: 'Ann' }))
    await client.login({ did })
    const { deviceDid } = await client.call('auth.whoami')
    kept = { node: first, client, deviceDid }
    lost = await pair(kept, second, 'phone')
    third = await pair(kept, last, 'tablet')
    await eventually('all know each other', async () => {
      const lists = await Promise.all(
        [kept, lost, third].map(({ client: each }) => each.call('devices.list')),
      )
      return lists.every(({ items }) => items.length === 3)
    })
    for (const device of [kept, lost, third]) await eventually('nothing waits', isIdle(device), LATE_MS)
  }, 180_000)

  test('reaches a device that was never online together with the one that revoked', async () => {
    await third.node.stop()
    await lost.node.stop()
    await kept.client.call('devices.revoke', { device: 'phone', recoveryPhrase })
    await eventually('it is published', isIdle(kept), LATE_MS)
    await kept.node.stop()

    await third.node.boot()
    const client = await third.node.client()
    await client.login({ did })
    third = { ...third, client }
    const ms = await eventually(
      'it is known',
      async () => (await stateOf(third, lost)) === 'revoked',
      LATE_MS,
    )
    console.log(`a revocation is known ${ms.toFixed(0)} ms after the start, from the master alone`)
    const { membership } = (await client.call('sync.status')).spaces[0]!
    expect(membership).toMatchObject({ forkedAt: null })
    expect(membership!.entries).toBeGreaterThan(0)
  })

  test('counts there as if it had come from a device: what the lost one says is void, and the new key is there', async () => {
    await lost.node.boot()
    const stolen = await lost.node.client()
    await stolen.login({ did })
    lost = { ...lost, client: stolen }
    await eventually('the lost one knows too', async () => (await stateOf(lost, lost)) === 'revoked', LATE_MS)
    await expect(stolen.call('devices.pair.start')).rejects.toMatchObject({ code: 'Conflict' })

    // The device that revoked comes back: the two talk under the key that the master kept sealed.
    await kept.node.boot()
    const client = await kept.node.client()
    await client.login({ did })
    kept = { ...kept, client }
    await client.call('capture.conversation', {
      conversation: {
        format: 'vivim.capture/1',
        provider: 'test',
        originalId: 'after',
        title: 'After',
        messages: [{ id: 'after-1', role: 'user', parts: [{ type: 'text', content: 'What came after.' }] }],
      },
    })
    await eventually('the third has it', async () => (await titles(third)).includes('After'), LATE_MS)
    expect(await titles(lost)).toEqual([])
    for (const device of [kept, third])
      expect((await device.client.call('master.status')).log?.findings).toEqual([])
  })
})
