import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { online, type PairedDevice, pair, spaceOf } from '../support/device-pair.ts'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

describe('a device that was lost', { timeout: 300_000 }, () => {
  const nodes: TestNode[] = []
  let recoveryPhrase = ''
  let kept: PairedDevice
  let lost: PairedDevice
  let child: PairedDevice
  beforeAll(async () => {
    nodes.push(...(await Promise.all([0, 1, 2].map(() => TestNode.start()))))
    const [first, second, third] = nodes as [TestNode, TestNode, TestNode]
    const client = await first.client()
    const user = await client.call('users.create', { displayName: 'Ann' })
    recoveryPhrase = user.recoveryPhrase
    await client.login({ did: user.did })
    const { deviceDid } = await client.call('auth.whoami')
    kept = { node: first, client, deviceDid }
    lost = await pair(kept, second, 'phone')
    // The third one was let in by the one that gets lost.
    child = await pair(lost, third, 'tablet')
    await capture(kept.client, 'plans')
    await everywhere([kept, lost, child])
  }, 120_000)
  afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

  test('what it wrote while nobody knew reaches one of the others', async () => {
    await online(kept, false)
    await rename(lost.client, 'plans', 'stolen')
    await capture(lost.client, 'planted')
    await alike(lost, child)
    expect(await titles(child.client)).toEqual(['planted', 'stolen'])
    await online(lost, false)
    await rename(lost.client, 'stolen', 'stolen twice')
  })

  test('is taken out with the words, and not without', async () => {
    const { client } = kept
    const refused = (params: object) =>
      client.call('devices.revoke', { device: 'phone', ...params }).then(
        () => undefined,
        (error: { code: string }) => error.code,
      )
    expect(await refused({})).toBe('InvalidParams')
    expect(await refused({ passphrase: 'a guess' })).toBe('Unauthorized')
    const stranger = await nodes[0]!.client()
    const other = await stranger.call('users.create', { displayName: 'Ben' })
    expect(await refused({ recoveryPhrase: other.recoveryPhrase })).toBe('Unauthorized')
    expect((await client.call('devices.list')).items.map(({ state }) => state)).toEqual(
      Array(3).fill('member'),
    )

    const result = await client.call('devices.revoke', { device: 'phone', recoveryPhrase })
    expect(result).toMatchObject({ deviceDid: lost.deviceDid, admitted: [child.deviceDid] })
    expect(new Set(result.remaining)).toEqual(new Set([kept.deviceDid, child.deviceDid]))
    expect(result.couldRead.conversations).toBe(1)
    expect(await refused({ recoveryPhrase })).toBe('Conflict')

    const { forkedAt, entries } = await client.call('devices.log')
    expect(forkedAt).toBeNull()
    expect(entries.map(({ number, kind, deviceDid, state }) => [number, kind, deviceDid, state])).toEqual([
      [1, 'admit', child.deviceDid, 'counts'],
      [2, 'revoke', lost.deviceDid, 'counts'],
    ])
    const settled = client.call('devices.resolve', { number: 2, hash: entries[1]!.hash, recoveryPhrase })
    await expect(settled).rejects.toMatchObject({ code: 'Conflict' })
  })

  test('counts for nothing beyond that, also where it was merged before', async () => {
    await online(kept, true)
    await until('the third has heard of it', async () => (await titles(child.client))[0] === 'plans')
    await alike(kept, child)
    for (const { client } of [kept, child]) {
      expect(await titles(client)).toEqual(['plans'])
      expect(await stateOf(client, lost)).toBe('revoked')
    }
    // The void operations are kept and passed on: both have the same log.
    expect((await spaceOf(kept)).frontierDigest).toBe((await spaceOf(child)).frontierDigest)
  })

  test('learns of it when it comes back, and brings nothing', async () => {
    const before = await spaceOf(kept)
    await online(lost, true)
    await until('it knows', async () => (await stateOf(lost.client, lost)) === 'revoked')
    expect(await titles(lost.client)).toEqual(['plans'])
    await expect(rename(lost.client, 'plans', 'again')).rejects.toMatchObject({ code: 'Forbidden' })
    await expect(lost.client.call('devices.pair.start')).rejects.toMatchObject({ code: 'Conflict' })
    await capture(child.client, 'later')
    await alike(kept, child)
    const after = await spaceOf(kept)
    for (const { client } of [kept, child]) expect(await titles(client)).toEqual(['later', 'plans'])
    expect(await titles(lost.client)).toEqual(['plans'])
    expect(after.membership).toEqual(before.membership)
    expect(after.membership).toMatchObject({ entries: 2, forkedAt: null })
  })

  test('leaves vaults that verify, and a list that shows it', async () => {
    for (const { client } of [kept, child, lost])
      expect(await client.call('sync.verify')).toMatchObject({ ok: true, problems: [] })
    const listed = nodes[0]!.run('device', 'list', '--user', 'Ann')
    expect(listed.status).toBe(0)
    expect(listed.stdout).toMatch(/phone +revoked \d{4}/)
  })
})

async function capture(client: Client, title: string): Promise<void> {
  await client.call('capture.conversation', {
    conversation: {
      format: 'vivim.capture/1',
      provider: 'test',
      originalId: title,
      title,
      createdAt: Date.UTC(2026, 0, 1),
      messages: [{ id: `${title}-q`, role: 'user', parts: [{ type: 'text', content: `All of ${title}.` }] }],
    },
  })
}

async function rename(client: Client, from: string, title: string): Promise<void> {
  const { items } = await client.call('conversations.list', { state: 'ANY' })
  const found = items.find((item) => item.title === from)
  if (!found) throw new Error(`no conversation is called ${from}`)
  await client.call('conversations.rename', { id: found.id, title })
}

async function titles(client: Client): Promise<string[]> {
  const { items } = await client.call('conversations.list', { state: 'ANY' })
  return items.map(({ title }) => String(title)).sort()
}

async function stateOf(client: Client, { deviceDid }: PairedDevice): Promise<string | undefined> {
  const { items } = await client.call('devices.list')
  return items.find((item) => item.deviceDid === deviceDid)?.state
}

async function alike(...devices: readonly PairedDevice[]): Promise<void> {
  await until('all hold the same', async () => {
    const spaces = await Promise.all(devices.map(spaceOf))
    const states = spaces.map(({ frontierDigest, stateDigest }) => frontierDigest + stateDigest)
    return new Set(states).size === 1
  })
}

async function everywhere(devices: readonly PairedDevice[]): Promise<void> {
  await alike(...devices)
  for (const { client } of devices)
    expect((await client.call('devices.list')).items).toHaveLength(devices.length)
}
