import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { chatgpt } from '../../../daemon/capture/providers/chatgpt.ts'
import { importSession } from '../../support/import-session.ts'
import { REPOSITORY } from '../../support/repository.ts'
import { shared } from '../../support/shared.ts'

const FIXTURES = join(REPOSITORY, 'test', 'fixtures')
const fixture = (name: string) => readFileSync(join(FIXTURES, name))
const bytes = (value: unknown) => ({ data: Buffer.from(JSON.stringify(value)) })

describe('everything a second time', () => {
  test('no row changes: fixtures of every form, and the exports of others', async () => {
    await using session = importSession()
    const sources = [FIXTURES, shared('exports')].flatMap((path) => (path === undefined ? [] : [{ path }]))
    for (const source of sources) expect(await session.imported(source)).toMatchObject({ state: 'done' })
    const before = session.facts()
    for (const source of sources) {
      const report = await session.imported(source)
      expect(report).toMatchObject({ messages: 0, conversations: { created: 0, updated: 0 } })
      expect(report.conversations.unchanged).toBeGreaterThan(20)
    }
    expect(session.facts()).toEqual(before)
  })

  test('equal bytes are not parsed again; other bytes that say the same change nothing', async () => {
    await using session = importSession()
    const [first] = JSON.parse(fixture('chatgpt/conversations.json').toString()) as object[]
    const parse = vi.spyOn(chatgpt, 'parse')
    try {
      await session.imported(bytes([first]))
      expect(parse).toHaveBeenCalledTimes(1)
      const before = session.facts()
      expect(await session.imported(bytes([first]))).toMatchObject({
        total: 1,
        conversations: { unchanged: 1 },
      })
      expect(parse).toHaveBeenCalledTimes(1)
      await session.imported(bytes([{ ...first, moderation_results: [] }]))
      expect(parse).toHaveBeenCalledTimes(2)
      expect(session.facts()).toEqual(before)
    } finally {
      parse.mockRestore()
    }
  })

  test('an older export, and one from another place, seen in turns: nothing is moved back', async () => {
    await using session = importSession()
    const [newer] = JSON.parse(fixture('chatgpt/conversations.json').toString()) as {
      mapping: object
      update_time: number
    }[]
    const older = structuredClone(newer!) as {
      mapping: Record<string, unknown>
      current_node: string
      update_time: number
    }
    delete older.mapping.q2
    older.current_node = 'a1'
    older.update_time = newer!.update_time - 60
    await session.imported(bytes([older]))
    expect(await session.imported(bytes([newer]))).toMatchObject({
      messages: 1,
      conversations: { updated: 1 },
    })
    const before = session.facts()
    for (const export_ of [older, newer, older])
      expect(await session.imported(bytes([export_]))).toMatchObject({ conversations: { unchanged: 1 } })
    expect(session.facts()).toEqual(before)
  })
})

describe('one conversation from several places', () => {
  test.each([
    [
      'chatgpt',
      ['chatgpt/share-page.html', 'chatgpt/conversations.json', 'chatgpt/share-page.html'],
      'Oaks',
      3,
    ],
    [
      'claude',
      ['claude/share-snapshot.json', 'claude/conversations.json', 'claude/share-snapshot.json'],
      'Shared',
      4,
    ],
    ['deepseek', ['deepseek/conversations.json', 'deepseek/site-answer.json'], 'Ferns', 4],
    ['perplexity', ['perplexity/thread.json', 'perplexity/site-answer.json'], 'Moss', 4],
    ['qwen', ['qwen/share.html', 'qwen/chat.json'], 'Rice', 2],
    ['gemini', ['gemini/MyActivity.json', 'gemini/MyActivity.html'], 'How often do I water a fern?', 4],
  ])('%s: %j meet', async (provider, files, title, messages) => {
    await using session = importSession()
    for (const file of files)
      expect(await session.imported({ data: fixture(file) })).toMatchObject({ state: 'done' })
    const found = session.vaults.vault.all<{ id: string }>(
      'SELECT id FROM conversations WHERE provider = ? AND title = ?',
      [provider, title],
    )
    expect(found).toHaveLength(1)
    const count = session.vaults.vault.get<{ n: number }>(
      'SELECT count(*) AS n FROM messages WHERE conversation_id = ? AND deleted = 0',
      [found[0]!.id],
    )!
    expect(count.n).toBe(messages)
  })
})
