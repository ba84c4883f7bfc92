import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  type DevicePair,
  devicePair,
  type PairedDevice,
  spaceOf,
  untilAlike,
} from '../support/device-pair.ts'
import { until } from '../support/until.ts'

const DAY = 24 * 3_600_000
const YEAR = 365 * DAY

describe('a computer whose clock is a year ahead', { timeout: 300_000 }, () => {
  let pair: DevicePair
  let right: PairedDevice
  let wrong: PairedDevice
  beforeAll(async () => {
    pair = await devicePair()
    const [first, second] = pair.devices
    right = first
    wrong = second
    await capture(right, 'before')
    await untilAlike(pair.devices)
  }, 120_000)
  afterAll(() => pair[Symbol.asyncDispose]())

  test('keeps what is written there to itself, and says so', async () => {
    wrong = await restart(wrong, YEAR)
    await until('the two are connected', async () => (await spaceOf(wrong)).peers[0]?.connected)
    await capture(wrong, 'of next year')
    const { clock } = await spaceOf(wrong)
    expect(clock.suspect).toBe(true)
    expect(clock.waiting).toBeGreaterThan(0)
    expect(Math.abs(clock.aheadMs! - YEAR)).toBeLessThan(DAY)
    expect(wrong.node.run('sync', 'status').stdout).toContain(
      'The clock of this device is 365 days ahead of your other devices: set it right.',
    )
    expect(await titles(wrong)).toEqual(['before', 'of next year'])
    // The other one goes on, and is heard.
    await capture(right, 'meanwhile')
    await until('it hears the other', async () => (await titles(wrong)).includes('meanwhile'))
    expect(await titles(right)).toEqual(['before', 'meanwhile'])
    expect((await spaceOf(right)).holds).toBe(0)
  })

  test('says it once the clock is right, also after a kill', async () => {
    await wrong.node.kill9()
    wrong = await restart(wrong, 0)
    await untilAlike([right, wrong])
    expect(await titles(right)).toEqual(['before', 'meanwhile', 'of next year'])
    expect((await spaceOf(wrong)).clock).toMatchObject({ suspect: false, waiting: 0 })
    for (const { client } of [right, wrong])
      expect(await client.call('sync.verify')).toMatchObject({ ok: true, problems: [] })
    expect(wrong.node.run('sync', 'status').stdout).not.toContain('The clock of this device')
  })
})

async function restart(device: PairedDevice, offset: number): Promise<PairedDevice> {
  const { node, deviceDid } = device
  if (node.running) await node.stop()
  node.env.VIVIM_TEST_CLOCK_OFFSET_MS = String(offset)
  await node.boot()
  const client = await node.client()
  const { items } = await client.call('users.list')
  await client.login({ did: items[0]!.did })
  return { node, client, deviceDid }
}

async function capture({ client }: PairedDevice, title: string): Promise<void> {
  await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: title,
      title,
      messages: [{ id: '1', role: 'user', parts: [{ type: 'text', content: `All about ${title}.` }] }],
    },
  })
}

async function titles({ client }: PairedDevice): Promise<string[]> {
  const { items } = await client.call('conversations.list', { limit: 50, state: 'ANY' })
  return items.map(({ title }) => String(title)).sort()
}
