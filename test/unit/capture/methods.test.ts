import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ImportJobs } from '../../../daemon/capture/import-jobs.ts'
import { captureMethods } from '../../../daemon/capture/methods.ts'
import type { Progress, UserCall } from '../../../daemon/users/user-engine.ts'
import type { CaptureConversation } from '../../../schema/capture.ts'
import { METHODS } from '../../../schema/methods/index.ts'
import { liveCaptureMethods } from '../../../schema/methods/live-capture.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'

let vaults: TemporaryVault
let folder: string
let jobs: ImportJobs
let indexed: (readonly string[])[]
let methods: ReturnType<typeof captureMethods>
beforeEach(() => {
  vaults = temporaryVault()
  folder = mkdtempSync(join(tmpdir(), 'vivim-methods-'))
  indexed = []
  const shared = {
    vault: vaults.vault,
    pace: async () => {},
    wakeDerivation() {},
    async indexed(ids: readonly string[]) {
      indexed.push(ids)
    },
  }
  jobs = new ImportJobs({
    ...shared,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    privateFolders: [folder],
  })
  methods = captureMethods({ ...shared, jobs })
})
afterEach(async () => {
  await jobs.close()
  vaults[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

function call(changes: Partial<UserCall> = {}): UserCall & { heard: Progress[] } {
  const heard: Progress[] = []
  return {
    maxSecurityLevel: 5,
    mayReadPaths: true,
    signal: new AbortController().signal,
    progress: (progress) => heard.push(progress),
    ...changes,
    heard,
  }
}

const chat = (id: string, createdAt?: string): CaptureConversation => ({
  format: 'vivim.capture/1',
  provider: 'test',
  originalId: id,
  messages: [{ role: 'user', parts: [{ type: 'text', content: id }], ...(createdAt ? { createdAt } : {}) }],
})
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64')

describe('capture methods', () => {
  test('every method of the table is there, and answers in the shape of the table', async () => {
    const names = Object.keys(METHODS).filter(
      (name) => name.startsWith('capture.') && !(name in liveCaptureMethods),
    )
    expect(Object.keys(methods).sort()).toEqual(names.sort())
    const data = base64([chat('a', '2026-01-01T00:00:00Z'), chat('b', '2026-03-01T00:00:00Z'), { other: 1 }])
    const answers = {
      'capture.conversation': await methods['capture.conversation'](
        { conversation: chat('x'), wait: 'stored', again: false },
        call(),
      ),
      'capture.providers': await methods['capture.providers']({}, call()),
      'capture.detect': await methods['capture.detect']({ data }, call()),
      'capture.scan': await methods['capture.scan']({ data }, call()),
      'capture.import': await methods['capture.import']({ data, wait: 'indexed', again: false }, call()),
      'capture.jobs.list': await methods['capture.jobs.list']({ limit: 5 }, call()),
    }
    for (const [name, answer] of Object.entries(answers))
      expect(METHODS[name as keyof typeof answers].result.safeParse(answer).error, name).toBeUndefined()
    expect(answers['capture.detect']).toEqual({
      provider: 'vivim-capture',
      container: 'file',
      validated: true,
    })
    expect(answers['capture.scan']).toMatchObject({
      conversations: 2,
      messages: 2,
      from: Date.UTC(2026, 0, 1),
      to: Date.UTC(2026, 2, 1),
      skipped: [{ reason: 'not valid vivim.capture/1: format', count: 1 }],
      errors: [],
    })
    const { jobId, report } = answers['capture.import']
    expect(report).toMatchObject({ jobId, state: 'done', total: 3, conversations: { created: 2 } })
    expect(await methods['capture.jobs.get']({ jobId }, call())).toEqual(report)
  })

  test('scanning and detecting store nothing', async () => {
    await methods['capture.scan']({ data: base64([chat('a')]) }, call())
    for (const table of ['conversations', 'import_jobs', 'capture_attempts', 'raw_records'])
      expect(vaults.vault.all(`SELECT * FROM ${table}`)).toEqual([])
  })

  test('a conversation: created, known, changed; waiting for the index; a refusal is an attempt too', async () => {
    const capture = (conversation: CaptureConversation, wait: 'stored' | 'indexed' = 'stored') =>
      methods['capture.conversation']({ conversation, wait, again: false }, call())
    expect(await capture(chat('a'))).toMatchObject({ created: true, messagesAdded: 1, version: 1 })
    expect(indexed).toEqual([])
    const { conversationId } = await capture(chat('a'), 'indexed')
    expect(indexed).toEqual([[conversationId]])
    const { Conversation } = await import('../../../schema/entities/index.ts')
    vaults.vault.transact((tx) => vaults.vault.erase(tx, [{ entity: Conversation, key: conversationId }]))
    await expect(capture(chat('a'))).rejects.toMatchObject({ code: 'Conflict' })
    expect(vaults.vault.get('SELECT * FROM capture_attempts ORDER BY id DESC')).toMatchObject({
      status: 'failed',
      error_code: 'Conflict',
      conversation_id: null,
    })
  })

  test('paths: only for whoever may name them, absolute, not the node’s own', async () => {
    const path = join(folder, 'a.json')
    writeFileSync(path, JSON.stringify([chat('a')]))
    for (const name of ['capture.detect', 'capture.scan', 'capture.import'] as const) {
      const ask = (params: { path: string }, changes: Partial<UserCall> = {}) =>
        (async () => methods[name]({ ...params, wait: 'stored', again: false } as never, call(changes)))()
      await expect(ask({ path }, { mayReadPaths: false }), name).rejects.toMatchObject({ code: 'Forbidden' })
      await expect(ask({ path: 'a.json' }), name).rejects.toMatchObject({ code: 'InvalidParams' })
      await expect(ask({ path }), name).rejects.toMatchObject({ code: 'Forbidden' })
      await expect(ask({ path: join(tmpdir(), 'vivim-nothing-here') }), name).rejects.toMatchObject({
        code: 'NotFound',
      })
    }
    expect(vaults.vault.all('SELECT * FROM import_jobs')).toEqual([])
  })

  test('progress reaches the caller; queued answers without a report', async () => {
    const caller = call()
    await methods['capture.import']({ data: base64([chat('a')]), wait: 'stored', again: false }, caller)
    expect(caller.heard.map(({ done, total }) => [done, total])).toEqual([
      [0, 1],
      [1, 1],
    ])
    expect(
      Object.keys(
        await methods['capture.import']({ data: base64([chat('b')]), wait: 'queued', again: false }, call()),
      ),
    ).toEqual(['jobId'])
  })

  test('jobs are listed in pages, newest first', async () => {
    const ids: string[] = []
    for (let at = 0; at < 5; at++)
      ids.unshift(
        (
          await methods['capture.import'](
            { data: base64([chat(`${at}`)]), wait: 'stored', again: false },
            call(),
          )
        ).jobId,
      )
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await methods['capture.jobs.list']({ limit: 2, ...(cursor ? { cursor } : {}) }, call())
      seen.push(...page.items.map(({ jobId }) => jobId))
      cursor = page.nextCursor ?? undefined
    } while (cursor)
    expect(seen).toEqual(ids)
  })
})
