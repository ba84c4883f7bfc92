import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TestNode } from '../support/test-node.ts'
import { until } from '../support/until.ts'

const line = (number: number, words: string) =>
  `${JSON.stringify({
    type: 'user',
    uuid: `u${number}`,
    parentUuid: number === 1 ? null : `u${number - 1}`,
    sessionId: 'followed',
    timestamp: `2026-03-01T09:00:0${number}.000Z`,
    message: { role: 'user', content: words },
  })}\n`

test('a folder is followed, also over a restart; apps append; a private folder and a strange link are refused', {
  timeout: 300_000,
}, async () => {
  await using node = await TestNode.start()
  const folder = join(node.folder, 'sessions')
  const file = join(folder, 'session.jsonl')
  mkdirSync(folder)
  writeFileSync(file, line(1, 'first'))
  const { did, client } = await node.user()
  await client.call('capture.watch', { path: folder })
  const words = async (user: typeof client) => {
    const { items } = await user.call('conversations.list', { provider: 'claude-code' })
    if (items.length === 0) return []
    const { messages } = await user.call('conversations.get', { id: items[0]!.id })
    return messages.map(({ parts }) => parts[0]!.content)
  }
  await until('the first line', async () => (await words(client)).length === 1)
  await expect(client.call('capture.watch', { path: node.home })).rejects.toMatchObject({ code: 'Forbidden' })
  await expect(
    client.call('capture.link', { url: 'https://127.0.0.1/share/abcdefgh' }),
  ).rejects.toMatchObject({
    code: 'Forbidden',
  })
  await node.restart()
  await client.close()
  appendFileSync(file, line(2, 'second'))
  const again = await node.client()
  await again.login({ did })
  await until('the second line', async () => (await words(again)).length === 2)
  expect(await words(again)).toEqual(['first', 'second'])
  expect((await again.call('capture.watches.list', {})).items).toMatchObject([{ path: folder, error: null }])
  const turn = (id: string) => ({
    id,
    role: 'user' as const,
    parts: [{ type: 'text' as const, content: id }],
  })
  const { conversationId } = await again.call('conversations.append', {
    provider: 'app',
    originalId: 'live',
    messages: [turn('one')],
  })
  await again.call('conversations.append', { id: conversationId, messages: [turn('two')], wait: 'indexed' })
  expect((await again.call('conversations.get', { id: conversationId })).messages).toHaveLength(2)
  expect((await again.call('capture.stats', {})).items.map(({ provider }) => provider)).toEqual([
    'app',
    'claude-code',
  ])
  expect(await again.call('sync.verify', {})).toMatchObject({ ok: true, problems: [] })
})
