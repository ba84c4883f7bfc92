import { afterAll, expect, test } from 'vitest'
import { byteSearch } from '../support/byte-search.ts'
import { eventually } from '../support/eventually.ts'
import { TestNode } from '../support/test-node.ts'

const LATE_MS = 120_000
const nodes: TestNode[] = []
afterAll(() => Promise.all(nodes.map((node) => node.dispose())))

async function running(...init: string[]): Promise<TestNode> {
  const node = await TestNode.start({ init })
  nodes.push(node)
  return node
}

test('a master adds up what its members capture, and learns counts alone', { timeout: 300_000 }, async () => {
  const master = await running('--role', 'bootstrap')
  const hub = await master.client()
  const { address } = await hub.call('master.status')
  const member = await running('--join', address!)
  const owner = await member.client()
  const { did } = await owner.call('users.create', {})
  await owner.login({ did })
  const capture = (provider: string, originalId: string) =>
    owner.call('capture.conversation', {
      conversation: {
        ...{ format: 'vivim.capture/1', provider, originalId, title: 'Title canary' },
        ...{ sourceUrl: 'https://example.org/share/url-canary' },
        messages: [{ id: '1', role: 'user', parts: [{ type: 'text', content: 'Content canary' }] }],
      },
    })
  await capture('claude', 'one')
  await capture('claude', 'two')
  await capture('claude', 'two')
  await capture('my-secret-project', 'three')
  const items = async () => (await hub.call('master.providerStats')).items
  const ms = await eventually('the counts are there', async () => (await items()).length > 0, LATE_MS)
  console.log(`counts are added up ${ms.toFixed(0)} ms after the captures`)
  expect(await items()).toEqual([
    { provider: 'claude', nodes: 1, attempts: 3, created: 2, updated: 0, unchanged: 1, failed: 0 },
    { provider: 'other', nodes: 1, attempts: 1, created: 1, updated: 0, unchanged: 0, failed: 0 },
  ])
  expect(master.run('master', 'stats').stdout).toMatch(/claude +1 +3 +2 +0 +1 +0/)
  await expect(owner.call('master.providerStats')).rejects.toMatchObject({ code: 'Conflict' })
  await member.stop()
  await master.stop()
  for (const canary of ['my-secret-project', 'url-canary', 'Title canary', 'Content canary'])
    expect(byteSearch(master.home, canary), canary).toEqual([])
})
