import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { packChatgpt, packClaude } from '../demo/samples/pack.ts'
import { describeShared } from '../support/shared.ts'
import { TestNode } from '../support/test-node.ts'

const facts = async (client: Client) => {
  const { spaces } = await client.call('sync.status', {})
  const { derivedDigest } = await client.call('sync.rebuild', {})
  return { ...spaces[0], derivedDigest, stats: await client.call('conversations.stats', {}) }
}

describe('the samples', { timeout: 120_000 }, () => {
  let node: TestNode
  beforeAll(async () => {
    node = await TestNode.start()
  }, 60_000)
  afterAll(() => node?.dispose())

  test('import without an error; again changes no row and no digest; a rebuild makes the same rows', async () => {
    const { client } = await node.user()
    const files = [join(node.folder, 'chatgpt.zip'), join(node.folder, 'claude.zip')] as const
    await packChatgpt(files[0])
    await packClaude(files[1])
    for (const path of files) {
      const { report } = await client.call('capture.import', { path, wait: 'indexed' })
      expect(report).toMatchObject({ state: 'done', errors: [] })
      expect(report!.conversations.created).toBe(report!.total)
    }
    const before = await facts(client)
    for (const path of files) {
      const { report } = await client.call('capture.import', { path, wait: 'indexed' })
      expect(report!.conversations).toMatchObject({ created: 0, updated: 0, unchanged: report!.total })
    }
    expect(await facts(client)).toEqual(before)
    await node.restart()
    await client.close()
    const again = await node.client()
    await again.login({ did: (await again.call('users.list', {})).items[0]!.did })
    expect(await facts(again)).toEqual(before)
    expect(await again.call('sync.verify', {})).toMatchObject({ ok: true, problems: [] })
  })

  test('erase leaves no byte of a conversation, and a rebuild still makes the same rows', async () => {
    const { byteSearch } = await import('../support/byte-search.ts')
    const { client } = await node.user('Eve')
    const canary = 'xylocarp-7731'
    await client.call('capture.conversation', {
      conversation: {
        format: 'vivim.capture/1',
        provider: 'test',
        originalId: 'to-erase',
        title: `About ${canary}`,
        messages: [
          {
            id: 'a',
            role: 'user',
            parts: [{ type: 'text', content: `What is a ${canary}? ${'Tell me more. '.repeat(30)}` }],
          },
          {
            id: 'b',
            role: 'assistant',
            parts: [
              { type: 'text', content: `A ${canary} is a hard fruit.\n\n${'x'.repeat(90_000)} ${canary}` },
            ],
          },
        ],
      },
      wait: 'indexed',
    })
    const { items } = await client.call('conversations.list', {})
    await client.call('conversations.rename', { id: items[0]!.id, title: `My ${canary}` })
    expect(byteSearch(node.home, canary)).not.toEqual([])
    expect((await client.call('search.query', { query: canary })).items.length).toBeGreaterThan(0)
    const answer = await client.call('conversations.delete', { id: items[0]!.id, erase: true })
    expect(answer).toMatchObject({ erased: true, purged: true })
    for (const needle of [canary, 'xylocarp', 'to-erase', items[0]!.id])
      expect(byteSearch(node.home, needle)).toEqual([])
    expect((await client.call('search.query', { query: canary })).items).toEqual([])
    expect(await client.call('sync.verify', {})).toMatchObject({ ok: true, problems: [] })
  })
})

describeShared('exports of others', 'exports', (folder) => {
  const expected: Record<string, number> = {
    'chatgpt/polylogue__fixtures__chatgpt__native-conversation-v1.json': 1,
    'chatgpt/polylogue__fixtures__chatgpt__native-browser-capture-v1.json': 1,
    'chatgpt/polylogue__fixtures__origin-capability__chatgpt-export.json': 1,
    'claude-ai/polylogue__fixtures__origin-capability__claude-ai-export.json': 1,
    'claude-ai/polylogue__fixtures__origin-capability__claude-design-session.json': 1,
  }

  test('every ChatGPT and Claude file imports with zero errors; a second import changes nothing', async () => {
    await using node = await TestNode.start()
    const present = ['chatgpt', 'claude-ai'].flatMap((name) =>
      readdirSync(join(folder, name)).map((file) => `${name}/${file}`),
    )
    expect(present.sort()).toEqual(Object.keys(expected).sort())
    for (const [file, conversations] of Object.entries(expected)) {
      const { client } = await node.user(file)
      const path = join(folder, file)
      const { report } = await client.call('capture.import', { path, wait: 'indexed' })
      expect(report, file).toMatchObject({ state: 'done', total: conversations, errors: [] })
      expect((await client.call('conversations.list', {})).items, file).toHaveLength(conversations)
      const before = await facts(client)
      await client.call('capture.import', { path, wait: 'indexed' })
      expect(await facts(client), file).toEqual(before)
      await client.close()
    }
  })
})
