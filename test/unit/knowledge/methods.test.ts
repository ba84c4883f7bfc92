import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { deriveConversation } from '../../../daemon/knowledge/derive.ts'
import { storeConversation } from '../../../daemon/knowledge/derived-store.ts'
import { knowledgeMethods } from '../../../daemon/knowledge/methods.ts'
import { rebuildTopics } from '../../../daemon/knowledge/topics/topic-rows.ts'
import type { UserCall } from '../../../daemon/users/user-engine.ts'
import { VivimError } from '../../../schema/errors.ts'
import { knowledgeMethods as contract } from '../../../schema/methods/knowledge.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'
import { conversationOf, say } from './fixtures/stored-conversations.ts'

const call = (maxSecurityLevel: number): UserCall => ({
  maxSecurityLevel,
  mayReadPaths: false,
  signal: new AbortController().signal,
  progress: () => {},
})

let temporary: TemporaryVault
let methods: ReturnType<typeof knowledgeMethods>

beforeAll(async () => {
  temporary = temporaryVault()
  const { vault } = temporary
  for (const id of ['a', 'b', 'c']) {
    const one = conversationOf(id, [
      say('user', `My mail is ann@example.com; how do I feed a sourdough starter in kitchen ${id}?`),
      say('assistant', `Feed the sourdough starter with 50 g of rye flour, every day in kitchen ${id}.`),
      say('user', `I was diagnosed with coeliac disease number ${id}, is sourdough starter bread safe?`),
      say('assistant', `No. A sourdough starter of wheat ${id} still holds gluten, far above 20 ppm.`),
    ])
    vault.transact((tx) => {
      tx.write([
        {
          kind: 'INSERT',
          entity: 'Conversation',
          key: id,
          values: { title: `Bread ${id}`, state: 'ACTIVE' },
        },
      ])
      storeConversation(tx, vault.space, deriveConversation(one))
    })
  }
  await rebuildTopics(
    vault,
    async () => {},
    () => true,
  )
  methods = knowledgeMethods(vault)
})
afterAll(() => temporary[Symbol.dispose]())

const list = async (params: object, level = 5) =>
  contract['acus.list'].result.parse(
    await methods['acus.list'](contract['acus.list'].params.parse(params), call(level)),
  )

const unitName = (at: number) => at.toString(16).padStart(64, '0')

describe('acus.list', () => {
  test('pages give every unit once', async () => {
    const seen: string[] = []
    let cursor: string | null | undefined
    do {
      const page = await list({ limit: 5, ...(cursor ? { cursor } : {}) })
      expect(page.items.length).toBeLessThanOrEqual(5)
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    } while (cursor)
    expect(seen).toHaveLength(12)
    expect(new Set(seen).size).toBe(12)
  })

  test('a rare kind among thousands is found, page by page, while others get their turn', async () => {
    using large = temporaryVault()
    const rare = [3, 700, 9_999, 10_000, 24_999].map((at) => unitName(at))
    large.vault.transactDerived((tx) => {
      for (let at = 0; at < 25_000; at++) {
        const id = unitName(at)
        const type = rare.includes(id) ? 'question' : 'statement'
        tx.run(
          `INSERT INTO atomic_chat_units (id, class, content, context, type, category, quality, security_level, state)
           VALUES (?, 'text', ?, '', ?, 'other', 50, 0, 'ACTIVE')`,
          [id, `unit ${at}`, type],
        )
        tx.run(
          `INSERT INTO acu_occurrences (acu_id, message_id, conversation_id, part, start, end, ordinal, role, live, type,
             category, quality, security_level, rules_json)
           VALUES (?, ?, 'c', 0, 0, 1, 0, 'user', 1, ?, 'other', 50, 0, '[]')`,
          [id, `m${at}`, type],
        )
      }
    })
    const own = knowledgeMethods(large.vault)
    const page = async (params: object) =>
      await own['acus.list'](contract['acus.list'].params.parse(params), call(5))
    let turns = 0
    let looking = true
    const others = (async () => {
      for (; looking; turns++) await new Promise(setImmediate)
    })()
    const all = await page({ type: 'question' })
    looking = false
    await others
    expect(all.items.map(({ id }) => id)).toEqual(rare)
    expect(all.nextCursor).toBeNull()
    expect(turns).toBeGreaterThan(1)
    const first = await page({ type: 'question', limit: 3 })
    const rest = await page({ type: 'question', limit: 3, cursor: first.nextCursor })
    expect([...first.items, ...rest.items].map(({ id }) => id)).toEqual(rare)
    expect(rest.nextCursor).toBeNull()
    expect((await page({ minQuality: 51 })).items).toEqual([])
    expect((await page({ limit: 200, cursor: all.nextCursor ?? undefined })).items).toHaveLength(200)
    const gone = AbortSignal.abort(new VivimError('UserUnavailable'))
    await expect(
      (async () => own['acus.list'](contract['acus.list'].params.parse({}), { ...call(5), signal: gone }))(),
    ).rejects.toThrow(VivimError)
  })

  test('filters', async () => {
    expect((await list({ conversationId: 'a' })).items).toHaveLength(4)
    expect((await list({ type: 'question' })).items.every(({ type }) => type === 'question')).toBe(true)
    expect((await list({ minQuality: 101 - 1 })).items).toEqual([])
    expect((await list({ maxSecurityLevel: 2 })).items.every(({ securityLevel }) => securityLevel <= 2)).toBe(
      true,
    )
    await expect(list({ conversationId: 'nobody' })).rejects.toMatchObject({ code: 'NotFound' })
    await expect(list({ cursor: 'bm9uc2Vuc2U' })).rejects.toMatchObject({ code: 'InvalidParams' })
  })

  test('nothing above the level of the caller is shown', async () => {
    const shown = (level: number) => list({}, level).then(({ items }) => JSON.stringify(items))
    expect(await shown(5)).toContain('ann@example.com')
    expect(await shown(5)).toContain('coeliac')
    expect(await shown(3)).toContain('ann@example.com')
    expect(await shown(3)).not.toContain('I was diagnosed')
    expect(await shown(2)).not.toContain('ann@example.com')
    expect(await shown(2)).toContain('⟦hidden:email⟧')
  })
})

test('acus.get and explain say where, with what and why', async () => {
  const [question] = (await list({ conversationId: 'a', type: 'question' })).items
  const unit = contract['acus.get'].result.parse(await methods['acus.get']({ id: question!.id }, call(5)))
  expect(unit.occurrences.map(({ conversationId, role }) => [conversationId, role])).toEqual([['a', 'user']])
  expect(unit.links.some(({ relation, targetId }) => relation === 'ANSWERS' && targetId === unit.id)).toBe(
    true,
  )
  const why = contract['acus.explain'].result.parse(await methods['acus.explain']({ id: unit.id }, call(5)))
  expect(why.occurrences[0]!.rules.map(({ rule }) => rule)).toContain('type.question-mark')
  await expect(async () => methods['acus.get']({ id: 'none' }, call(5))).rejects.toMatchObject({
    code: 'NotFound',
  })
})

test('topics rest on units of several conversations, and name nobody', async () => {
  const { items } = contract['topics.list'].result.parse(await methods['topics.list']({ limit: 50 }, call(5)))
  const topic = items.find(({ label }) => /sourdough starter/i.test(label))
  expect(topic).toMatchObject({ conversationCount: 3 })
  expect(JSON.stringify(items)).not.toMatch(/ann|example/i)
  const full = contract['topics.get'].result.parse(await methods['topics.get']({ id: topic!.id }, call(2)))
  expect(full.units.length).toBe(topic!.unitCount)
  expect(full.conversations.reduce((sum, { unitCount }) => sum + unitCount, 0)).toBe(topic!.unitCount)
  expect(JSON.stringify(full)).not.toContain('ann@example.com')
  expect((await list({ topicId: topic!.id })).items.map(({ id }) => id).sort()).toEqual(
    full.units.map(({ id }) => id).sort(),
  )
})
