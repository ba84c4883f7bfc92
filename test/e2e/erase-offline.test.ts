import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { byteSearch } from '../support/byte-search.ts'
import {
  type DevicePair,
  devicePair,
  online,
  type PairedDevice,
  pair,
  spaceOf,
} from '../support/device-pair.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const CANARIES = ['zanzibar-lighthouse-keeper', 'umbrella-in-the-desert', 'late-words-of-the-phone']
const WITHIN_MS = 60_000

describe('an erase and a device that was offline', { timeout: 300_000 }, () => {
  let devices: DevicePair
  let third: PairedDevice
  beforeAll(async () => {
    devices = await devicePair()
    third = await pair(devices.devices[0], await TestNode.start(), 'Phone')
  }, 120_000)
  afterAll(async () => {
    await third?.node.dispose()
    await devices?.[Symbol.asyncDispose]()
  })

  test('reaches it, whatever it wrote there meanwhile; no byte is left anywhere, and every log verifies', async () => {
    const [laptop, desk] = devices.devices
    const everybody = [laptop, desk, third]
    const id = await capture(laptop.client, CANARIES.slice(0, 2))
    await capture(laptop.client, ['what stays'], 'kept')
    await alike(everybody)
    for (const { client } of everybody) await indexed(client)

    await online(third, false)
    // The phone writes into what is about to go: a longer version of it, a title and a tag.
    await capture(third.client, CANARIES)
    await third.client.call('conversations.rename', { id, title: CANARIES[2]! })
    await third.client.call('conversations.tag', { id, add: [CANARIES[2]!] })
    const erased = await laptop.client.call('conversations.delete', { id, erase: true })
    expect(erased).toMatchObject({ erased: true, purged: true })
    expect(erased.waitingFor).toHaveLength(2)
    await until('the desk has purged it', async () => (await gone(laptop.client)).length === 2, WITHIN_MS)
    expect(laptop.node.run('sync', 'erasures').stdout).toMatch(
      /erased 1 conversation: gone from 2 of 3 devices, waiting for Phone/,
    )

    const began = performance.now()
    await online(third, true)
    // In the middle of it.
    await until('the phone has heard of it', async () => (await ids(third.client)).length === 1, WITHIN_MS)
    await third.node.kill9()
    await third.node.boot()
    const again = await third.node.client()
    await again.login({ did: devices.did })
    third = { ...third, client: again }
    const all = [laptop, desk, third]
    for (const { client } of all)
      await until(
        'all three say that it is gone',
        async () => (await erasures(client)).every(({ devices }) => devices.every(({ purged }) => purged)),
        WITHIN_MS,
      )
    console.log(
      `erased on all three ${Math.round(performance.now() - began)} ms after the third was back, killed once`,
    )
    await alike(all)
    for (const { client, node } of all) {
      expect(await ids(client)).toHaveLength(1)
      const { ok, problems } = await client.call('sync.verify')
      expect(problems).toEqual([])
      expect(ok).toBe(true)
      await node.stop()
      for (const canary of CANARIES) expect(byteSearch(node.home, canary), canary).toEqual([])
      expect(byteSearch(node.home, 'what stays').length).toBeGreaterThan(0)
    }
  })
})

const erasures = async (client: Client) => (await client.call('sync.erasures', {})).items
const gone = async (client: Client) =>
  (await erasures(client))[0]?.devices.filter(({ purged }) => purged) ?? []
const ids = async (client: Client) => (await client.call('conversations.list', {})).items.map(({ id }) => id)
const indexed = (client: Client) =>
  until('units are made', async () => (await client.call('conversations.stats')).pending === 0, WITHIN_MS)

async function alike(devices: readonly PairedDevice[]): Promise<void> {
  await until(
    'all hold the same',
    async () => {
      const spaces = await Promise.all(devices.map(spaceOf))
      return new Set(spaces.map(({ frontierDigest, stateDigest }) => frontierDigest + stateDigest)).size === 1
    },
    WITHIN_MS,
  )
}

async function capture(client: Client, texts: readonly string[], originalId = 'erased'): Promise<string> {
  const { conversationId } = await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId,
      title: texts[0]!,
      createdAt: Date.UTC(2026, 0, 1),
      messages: texts.map((content, n) => ({
        id: `${originalId}-${n}`,
        role: n % 2 ? ('assistant' as const) : ('user' as const),
        parts: [{ type: 'text' as const, content: `Please remember ${content} for later.` }],
      })),
    },
  })
  return conversationId
}
