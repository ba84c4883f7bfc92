import { randomBytes } from 'node:crypto'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { liveMethods } from '../../../daemon/capture/live-methods.ts'
import { Watches } from '../../../daemon/capture/watches.ts'
import type { UserCall } from '../../../daemon/users/user-engine.ts'
import { loadConversation } from '../../../daemon/vault/conversation-reader.ts'
import { METHODS } from '../../../schema/methods/index.ts'
import { liveCaptureMethods } from '../../../schema/methods/live-capture.ts'
import { REPOSITORY } from '../../support/repository.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'
import { until } from '../../support/until.ts'

const fixture = (name: string) => readFileSync(join(REPOSITORY, 'test', 'fixtures', name))

let vaults: TemporaryVault
let folder: string
let watches: Watches
let watching: boolean[]
const openWatches = () =>
  new Watches({
    vault: vaults.vault,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    privateFolders: [join(folder, 'home')],
    pace: async () => {},
    wakeDerivation() {},
    onWatching: (is) => watching.push(is),
    onUnexpected(error) {
      throw error
    },
    settleMs: 20,
  })
beforeEach(() => {
  vaults = temporaryVault()
  folder = mkdtempSync(join(tmpdir(), 'vivim-live-'))
  mkdirSync(join(folder, 'home'))
  mkdirSync(join(folder, 'sessions', 'project'), { recursive: true })
  watching = []
  watches = openWatches()
})
afterEach(async () => {
  await watches.close()
  vaults[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

const call: UserCall = {
  maxSecurityLevel: 5,
  mayReadPaths: true,
  signal: new AbortController().signal,
  progress() {},
}
const methods = () => liveMethods({ vault: vaults.vault, watches, wakeDerivation() {}, async indexed() {} })
const conversations = () =>
  vaults.vault.all<{ id: string; original_id: string }>(
    'SELECT id, original_id FROM conversations ORDER BY original_id',
  )
const messagesOf = (id: string) =>
  loadConversation(vaults.vault, id)!.messages.map(({ parts }) => parts[0]?.content)
const line = (at: number, parent: string | null, words: string) =>
  `${JSON.stringify({ type: 'user', uuid: `u${at}`, parentUuid: parent, sessionId: 'live-session', timestamp: `2026-03-01T09:00:0${at}.000Z`, message: { role: 'user', content: words } })}\n`

describe('a folder that is followed', () => {
  test('what is there, what is added line by line, and what was written while nobody looked', async () => {
    const root = join(folder, 'sessions')
    const file = join(root, 'project', 'live.jsonl')
    writeFileSync(file, line(1, null, 'first'))
    const { watchId } = await watches.add(root, undefined)
    expect(watching).toEqual([true])
    await until('captured', async () => conversations().length === 1)
    const id = conversations()[0]!.id
    // A line that is only half there is left for the next look.
    appendFileSync(file, line(2, 'u1', 'second').slice(0, 40))
    await watches.settled()
    appendFileSync(file, line(2, 'u1', 'second').slice(40))
    await until('captured', async () => messagesOf(id).length === 2)
    await watches.close()
    appendFileSync(file, line(3, 'u2', 'third'))
    writeFileSync(join(root, 'claude.json'), fixture('claude/conversations.json'))
    writeFileSync(join(root, 'notes.txt'), 'no conversation')
    vaults.reopen()
    watches = openWatches()
    watches.resume()
    await until('captured', async () => conversations().length === 2 && messagesOf(id).length === 3)
    await watches.settled()
    expect(messagesOf(id)).toEqual(['first', 'second', 'third'])
    expect(watches.list()).toMatchObject([{ watchId, path: root, files: 3, created: 2, error: null }])
  })

  test('a look at files that did not change reads none of them; a file that is gone changes nothing', async () => {
    const root = join(folder, 'sessions')
    const file = join(root, 'rollout.jsonl')
    writeFileSync(file, fixture('codex/rollout.jsonl'))
    await watches.add(root, undefined)
    await watches.settled()
    const attempts = () => vaults.vault.get<{ n: number }>('SELECT count(*) AS n FROM capture_attempts')!.n
    const before = attempts()
    watches.resume()
    await watches.settled()
    expect(attempts()).toBe(before)
    rmSync(file)
    watches.resume()
    await watches.settled()
    expect(conversations()).toHaveLength(1)
    expect(watches.list()).toMatchObject([{ files: 0, error: null }])
  })

  test('only a wanted provider; a broken file, an erased conversation and a missing folder stop nothing', async () => {
    const root = join(folder, 'sessions')
    writeFileSync(join(root, 'a.json'), fixture('chatgpt/conversations.json'))
    writeFileSync(join(root, 'b.json'), fixture('claude/conversations.json'))
    writeFileSync(join(root, 'c.zip'), 'PK\u0003\u0004 and no more')
    await watches.add(root, 'claude')
    await watches.settled()
    expect(conversations().map(({ original_id }) => original_id)).toEqual(['cl-1'])
    const { Conversation } = await import('../../../schema/entities/index.ts')
    vaults.vault.transact((tx) =>
      vaults.vault.erase(tx, [{ entity: Conversation, key: conversations()[0]!.id }]),
    )
    appendFileSync(join(root, 'b.json'), ' ')
    watches.resume()
    await watches.settled()
    expect(conversations()).toEqual([])
    rmSync(root, { recursive: true })
    watches.resume()
    await watches.settled()
    expect(watches.list()).toMatchObject([{ error: 'NotFound' }])
  })

  test('is refused where it must be, and ends when it is told to', async () => {
    const { 'capture.watch': add, 'capture.watches.remove': remove } = methods()
    const root = join(folder, 'sessions')
    writeFileSync(join(folder, 'file.json'), '[]')
    for (const [path, code] of [
      [join(folder, 'home'), 'Forbidden'],
      [join(folder, 'file.json'), 'InvalidParams'],
      [join(folder, 'nowhere'), 'NotFound'],
      ['sessions', 'InvalidParams'],
    ])
      await expect((async () => add({ path: path! }, call))()).rejects.toMatchObject({ code })
    await expect((async () => add({ path: root, provider: 'nobody' }, call))()).rejects.toMatchObject({
      code: 'InvalidParams',
    })
    await expect((async () => add({ path: root }, { ...call, mayReadPaths: false }))()).rejects.toMatchObject(
      { code: 'Forbidden' },
    )
    const { watchId } = await add({ path: root }, call)
    await expect((async () => add({ path: root }, call))()).rejects.toMatchObject({ code: 'Conflict' })
    expect(remove({ watchId }, call)).toEqual({ watchId, removed: true })
    expect(() => remove({ watchId }, call)).toThrow(expect.objectContaining({ code: 'NotFound' }))
    writeFileSync(join(root, 'late.json'), fixture('claude/conversations.json'))
    await watches.settled()
    expect(conversations()).toEqual([])
    expect(watching).toEqual([true, false])
  })
})

describe('a chat that goes on', () => {
  const say = (id: string | undefined, role: 'user' | 'assistant', content: string) => ({
    ...(id === undefined ? {} : { id }),
    role,
    parts: [{ type: 'text' as const, content }],
  })
  const append = (params: object) =>
    (async () => methods()['conversations.append']({ wait: 'stored', ...params } as never, call))()

  test('begins, goes on turn by turn, and takes no turn twice', async () => {
    const first = await append({
      provider: 'app',
      originalId: 'a',
      title: 'Tea',
      messages: [say('m1', 'user', 'one')],
    })
    expect(first).toMatchObject({ created: true, messagesAdded: 1, version: 1 })
    const id = first.conversationId
    expect(
      await append({ provider: 'app', originalId: 'a', messages: [say('m2', 'assistant', 'two')] }),
    ).toMatchObject({
      conversationId: id,
      created: false,
      messagesAdded: 1,
    })
    expect(await append({ id, messages: [say('m2', 'assistant', 'two')] })).toMatchObject({
      messagesAdded: 0,
    })
    expect(
      await append({ id, messages: [say(undefined, 'user', 'three'), say(undefined, 'assistant', 'four')] }),
    ).toMatchObject({ messagesAdded: 2 })
    expect(await append({ id, messages: [say(undefined, 'user', 'five')] })).toMatchObject({
      messagesAdded: 1,
    })
    const stored = loadConversation(vaults.vault, id)!
    expect(stored.title).toBe('Tea')
    expect(stored.messages.map(({ parts, branch }) => [parts[0]!.content, branch])).toEqual([
      ['one', 0],
      ['two', 0],
      ['three', 0],
      ['four', 0],
      ['five', 0],
    ])
  })

  test('another answer to a message that is named is a branch', async () => {
    const { conversationId: id } = await append({
      provider: 'app',
      originalId: 'a',
      messages: [say('q', 'user', 'q'), say('a1', 'assistant', 'a1')],
    })
    await append({ id, messages: [{ ...say('a2', 'assistant', 'a2'), parentId: 'q' }] })
    expect(
      loadConversation(vaults.vault, id)!
        .messages.map(({ originalId, branch }) => `${originalId} ${branch}`)
        .sort(),
    ).toEqual(['a1 1', 'a2 0', 'q 0'])
  })

  test('nothing goes into a conversation that is unknown, in the trash, or erased', async () => {
    await expect(append({ id: 'nobody', messages: [say('m', 'user', 'x')] })).rejects.toMatchObject({
      code: 'NotFound',
    })
    const { conversationId: id } = await append({
      provider: 'app',
      originalId: 'a',
      messages: [say('m', 'user', 'x')],
    })
    const { Conversation } = await import('../../../schema/entities/index.ts')
    vaults.vault.transact((tx) => vaults.vault.erase(tx, [{ entity: Conversation, key: id }]))
    await expect(append({ id, messages: [say('m', 'user', 'x')] })).rejects.toMatchObject({
      code: 'NotFound',
    })
    await expect(
      append({ provider: 'app', originalId: 'a', messages: [say('m', 'user', 'x')] }),
    ).rejects.toMatchObject({ code: 'Conflict' })
  })
})

test('what was captured and what failed is told, in the shape of the table', async () => {
  const { 'conversations.append': append, 'capture.attempts': attempts, 'capture.stats': stats } = methods()
  expect(Object.keys(methods()).sort()).toEqual(Object.keys(liveCaptureMethods).sort())
  for (const originalId of ['a', 'b', 'b'])
    await append(
      { provider: 'app', originalId, wait: 'stored', messages: [{ id: 'm', role: 'user', parts: [] }] },
      call,
    )
  const listed = await attempts({ limit: 2 }, call)
  expect(METHODS['capture.attempts'].result.safeParse(listed).error).toBeUndefined()
  expect(listed.items.map(({ status }) => status)).toEqual(['unchanged', 'created'])
  expect((await attempts({ limit: 2, cursor: listed.nextCursor! }, call)).items).toHaveLength(1)
  const counted = await stats({}, call)
  expect(METHODS['capture.stats'].result.safeParse(counted).error).toBeUndefined()
  expect(counted.items).toMatchObject([{ provider: 'app', attempts: 3, created: 2, unchanged: 1, failed: 0 }])
})
