import { describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import {
  type DevicePair,
  devicePair,
  pair as letIn,
  type PairedDevice,
  spaceOf,
} from '../support/device-pair.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const DAY = 24 * 3_600_000
const AWAY_MS = 300 * DAY
const WITHIN_MS = 90_000

describe('a device that was away for ten months', { timeout: 300_000 }, () => {
  test('begins again: what was deleted stays so, what it wrote is applied or shown', async () => {
    await using pair = await devicePair()
    await using third = await TestNode.start()
    const [desk, laptop] = pair.devices
    const tablet = await letIn(desk, third, 'tablet')
    const id = await capture(desk.client, 'kept')
    await desk.client.call('conversations.tag', { id, add: ['old', 'stays'] })
    await untilAllAlike([desk, laptop, tablet])
    await laptop.node.stop()
    // A tag is a row: taken off, it stays as a tombstone.
    await desk.client.call('conversations.tag', { id, remove: ['old'] })
    await untilAllAlike([desk, tablet])
    await tablet.node.stop()
    const later = await restarted(pair, desk, AWAY_MS)
    // The only one there forgets nothing: the others may have done as much alone.
    await later.client.call('sync.compact')
    expect((await later.client.call('sync.snapshot')).floor).toBeNull()
    const with2 = await restarted(pair, tablet, AWAY_MS, false)
    await untilAllAlike([later, with2])
    // The laptop is not counted on any more: the two that are there keep to the floor, and it holds.
    const { root } = await until(
      'both keep to a floor',
      async () => {
        for (const { client } of [later, with2]) await client.call('sync.compact')
        const made = await later.client.call('sync.snapshot')
        return made.floor?.holds && made.floor.accepted === 2 && made.floor.devices === 2 && made
      },
      WITHIN_MS,
    )
    expect(root).toMatch(/^[0-9a-f]{64}$/)
    expect(later.node.run('sync', 'snapshot').stdout).toMatch(
      /What was deleted before .* is past, and is gone/,
    )
    await with2.node.stop()
    await later.node.stop()

    // Alone and ten months ago by its own clock, the laptop works on.
    const alone = await restarted(pair, laptop, 0, false)
    await alone.client.call('conversations.rename', { id, title: 'renamed while away' })
    await alone.client.call('conversations.tag', { id, remove: ['old'] })
    await alone.client.call('conversations.tag', { id, add: ['old'] })
    const made = await capture(alone.client, 'made while away')
    await alone.node.stop()

    const [here, there] = [
      await restarted(pair, later, AWAY_MS, false),
      await restarted(pair, alone, AWAY_MS, false),
    ]
    await until(
      'the laptop has begun again and both hold the same',
      async () => {
        const spaces = await Promise.all([here, there].map(spaceOf))
        const [one, two] = spaces
        const { items } = await there.client.call('sync.recovered.list', {})
        return (
          items.length > 0 &&
          one!.frontierDigest === two!.frontierDigest &&
          one!.stateDigest === two!.stateDigest
        )
      },
      WITHIN_MS,
    )
    for (const { client } of [here, there]) {
      const { items } = await client.call('conversations.list', {})
      expect(items.map(({ id: shown, title }) => ({ shown, title }))).toEqual([
        { shown: id, title: 'renamed while away' },
      ])
      expect(items[0]!.tags).toEqual(['stays'])
      expect((await client.call('sync.verify')).problems).toEqual([])
    }
    expect(there.node.run('sync', 'recovered').stdout).toContain('made while away')
    const taken = there.node.run('sync', 'recovered', 'accept', made)
    expect(taken.stdout).toMatch(/Taken back: \d+ items/)
    await there.client.call('sync.recovered.dismiss', { id: 'all' }).catch(() => {})
    expect(there.node.run('sync', 'recovered').stdout).toBe('Nothing was written too late.\n')
    await until(
      'what was taken back is on both',
      async () => (await here.client.call('conversations.list', {})).items.length === 2,
      WITHIN_MS,
    )
    for (const { client } of [here, there]) expect((await client.call('sync.verify')).problems).toEqual([])
  })
})

/** Until all of them hold and show the same. */
async function untilAllAlike(devices: readonly PairedDevice[]): Promise<void> {
  await until(
    'all hold the same',
    async () => {
      const spaces = await Promise.all(devices.map(spaceOf))
      return new Set(spaces.map((space) => `${space.frontierDigest} ${space.stateDigest}`)).size === 1
    },
    WITHIN_MS,
  )
}

/** The same node after a stop, at another time. */
async function restarted(
  { did }: DevicePair,
  device: PairedDevice,
  offsetMs: number,
  running = true,
): Promise<PairedDevice> {
  if (running) await device.node.stop()
  device.node.env.VIVIM_TEST_CLOCK_OFFSET_MS = String(offsetMs)
  await device.node.boot()
  const client = await device.node.client()
  await client.login({ did })
  return { ...device, client }
}

async function capture(client: Client, title: string): Promise<string> {
  const { conversationId } = await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: title,
      title,
      createdAt: Date.UTC(2026, 0, 1),
      messages: [
        { id: `${title}-0`, role: 'user', parts: [{ type: 'text', content: `${title}, in words.` }] },
      ],
    },
  })
  return conversationId
}
