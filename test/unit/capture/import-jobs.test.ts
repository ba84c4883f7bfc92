import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ImportJobs, type ImportJobsOptions } from '../../../daemon/capture/import-jobs.ts'
import type { Vault, VaultTransaction } from '../../../daemon/vault/vault.ts'
import { VivimError } from '../../../schema/errors.ts'
import { generateExport } from '../../support/generate-export.ts'
import { seededRandom } from '../../support/seed.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'
import { zipOf } from './hostile-zip.ts'

let vaults: TemporaryVault
let folder: string
let opened: ImportJobs[]
beforeEach(() => {
  vaults = temporaryVault()
  folder = mkdtempSync(join(tmpdir(), 'vivim-jobs-'))
  opened = []
})
afterEach(async () => {
  for (const jobs of opened) await jobs.close()
  vaults[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

const never = new AbortController().signal
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

function openJobs(changes: Partial<ImportJobsOptions> = {}): ImportJobs {
  const jobs = new ImportJobs({
    vault: vaults.vault,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    privateFolders: [],
    pace: turn,
    wakeDerivation() {},
    async indexed() {},
    onUnexpected(error) {
      throw error
    },
    ...changes,
  })
  opened.push(jobs)
  return jobs
}

const chat = (id: string, ...words: string[]) => ({
  format: 'vivim.capture/1',
  provider: 'test',
  originalId: id,
  messages: words.map((content, at) => ({
    id: `${id}-${at}`,
    role: 'user',
    parts: [{ type: 'text', content }],
  })),
})
const file = (name: string, content: unknown): string => {
  const path = join(folder, name)
  writeFileSync(
    path,
    typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content),
  )
  return path
}
const ten = () =>
  file(
    'ten.json',
    Array.from({ length: 10 }, (_, at) => chat(`c${at}`, `first ${at}`, `second ${at}`)),
  )
const importing = async (jobs: ImportJobs, path: string, again = false) => {
  const id = await jobs.create({ path }, { again })
  await jobs.wait(id, 'stored', never)
  return jobs.report(id)
}
const conversations = () =>
  vaults.vault
    .all<{ original_id: string }>('SELECT original_id FROM conversations ORDER BY original_id')
    .map((row) => row.original_id)
const operations = () => vaults.vault.get<{ n: number }>('SELECT count(*) AS n FROM sync_operations')!.n

describe('import jobs', () => {
  test('import everything once; again changes nothing; counts are true', async () => {
    const jobs = openJobs()
    expect(await importing(jobs, ten())).toMatchObject({
      state: 'done',
      provider: 'vivim-capture',
      total: 10,
      conversations: { created: 10, updated: 0, unchanged: 0, failed: 0 },
      messages: 20,
      skipped: [],
      errors: [],
    })
    const before = operations()
    expect(await importing(jobs, ten())).toMatchObject({
      conversations: { created: 0, unchanged: 10 },
      messages: 0,
    })
    expect(operations()).toBe(before)
    expect(jobs.busy).toBe(false)
  })

  test('broken, unknown and erased entries are counted with reasons and never stop the file', async () => {
    const text = `[${JSON.stringify(chat('a', 'one'))},{oops},{"format":"vivim.capture/1"},7,${JSON.stringify(chat('b', 'two'))}`
    const report = await importing(openJobs(), file('mixed.json', text))
    expect(report).toMatchObject({
      state: 'done',
      total: 6,
      conversations: { created: 2, failed: 2 },
      skipped: [
        { reason: 'not valid vivim.capture/1: provider', count: 1 },
        { reason: 'not a conversation', count: 1 },
      ],
    })
    expect(report.errors).toEqual([
      { where: 'mixed.json #2', code: 'Corrupt', message: 'This entry is not valid JSON.' },
      { where: 'mixed.json #6', code: 'Corrupt', message: 'The file ends in the middle.' },
    ])
    expect(JSON.stringify(report)).not.toContain(folder)
  })

  test('of many failures the first hundred are named, all are counted', async () => {
    const broken = Array.from({ length: 250 }, () => '{"format":"x","v":tru}').join(',')
    const report = await importing(
      openJobs(),
      file('many.json', `[${JSON.stringify(chat('a', 'x'))},${broken}]`),
    )
    expect(report.conversations).toMatchObject({ created: 1, failed: 250 })
    expect(report.errors).toHaveLength(100)
  })

  test('a damaged entry of an archive is named, the others are read', async () => {
    const zip = await zipOf([
      { name: 'a.json', data: JSON.stringify([chat('a', 'one')]), compress: false },
      { name: 'b.json', data: JSON.stringify([chat('b', 'two')]), compress: false },
    ])
    zip[zip.indexOf('one')]! ^= 1
    const report = await importing(openJobs(), file('flipped.zip', zip))
    expect(report).toMatchObject({ state: 'done', errors: [{ where: 'a.json', code: 'Corrupt' }] })
    expect(conversations()).toContain('b')
  })

  test('erased conversations are skipped, and come back when wanted again', async () => {
    const path = file('one.json', [chat('a', 'one')])
    const jobs = openJobs()
    await importing(jobs, path)
    const [row] = vaults.vault.all<{ id: string }>('SELECT id FROM conversations')
    const { Conversation } = await import('../../../schema/entities/index.ts')
    vaults.vault.transact((tx) => vaults.vault.erase(tx, [{ entity: Conversation, key: row!.id }]))
    expect(await importing(jobs, path)).toMatchObject({
      conversations: { created: 0, failed: 0 },
      skipped: [{ reason: 'erased', count: 1 }],
      errors: [],
    })
    expect(await importing(jobs, path, true)).toMatchObject({ conversations: { created: 1 } })
  })

  test('a stop at any conversation and a new start: everything once, exact counts', async () => {
    const path = ten()
    for (let stopAfter = 0; stopAfter <= 10; stopAfter++) {
      using fresh = temporaryVault()
      vaults = fresh
      let stored = 0
      const first = openJobs({
        pace: async () => {
          if (++stored === stopAfter) void first.close()
          await turn()
        },
      })
      const id = await first.create({ path }, { again: false })
      if (stopAfter === 0) await first.close()
      const waited = await first.wait(id, 'stored', never).catch((error) => error)
      await first.close()
      if (stopAfter < 10) expect(waited).toMatchObject({ code: 'UserUnavailable' })
      fresh.reopen()
      const second = openJobs()
      second.resumeAll()
      await second.wait(id, 'stored', never)
      expect(second.report(id), `stopped after ${stopAfter}`).toMatchObject({
        state: 'done',
        total: 10,
        conversations: { created: 10, updated: 0, unchanged: 0, failed: 0 },
        messages: 20,
      })
      await second.close()
    }
    vaults = temporaryVault()
  })

  test('a crash inside any transaction loses nothing acknowledged and repeats nothing', async () => {
    const path = file('crash.json', [chat('a', 'one'), '{}', chat('b', 'two'), chat('c', 'three')])
    for (let crashAt = 1; crashAt < 40; crashAt++) {
      using fresh = temporaryVault()
      let steps = 0
      // From the crash on nothing is written, as after kill -9.
      const crash = () => {
        if (++steps >= crashAt) throw new Error('power')
      }
      const failing: Vault = new Proxy(fresh.vault, {
        get(target, name) {
          if (name === 'transact')
            return <T>(work: (tx: VaultTransaction) => T) =>
              target.transact((tx) => {
                crash()
                const result = work({
                  ...tx,
                  run: (...call) => {
                    crash()
                    return tx.run(...call)
                  },
                  write: (changes) => {
                    tx.write(changes)
                    crash()
                  },
                })
                crash()
                return result
              })
          const value = Reflect.get(target, name)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      const first = openJobs({ vault: failing, onUnexpected() {} })
      const id = await first.create({ path }, { again: false }).catch(() => undefined)
      if (id !== undefined) await first.wait(id, 'stored', never)
      await first.close()
      fresh.reopen()
      const second = openJobs({ vault: fresh.vault })
      second.resumeAll()
      if (id === undefined) continue
      await second.wait(id, 'stored', never)
      expect(second.report(id), `at ${crashAt}`).toMatchObject({
        state: 'done',
        total: 4,
        conversations: { created: 3, updated: 0, unchanged: 0, failed: 0 },
        messages: 3,
        skipped: [{ reason: 'not a conversation', count: 1 }],
        errors: [],
      })
      await second.close()
    }
  })

  test('a full disk stops the job with its code; trying again goes on where it stopped', async () => {
    let full = false
    const failing: Vault = new Proxy(vaults.vault, {
      get(target, name) {
        if (name === 'transact')
          return <T>(work: (tx: VaultTransaction) => T) =>
            target.transact((tx) =>
              work({
                ...tx,
                write: (changes) => {
                  if (full) throw new VivimError('StorageFull')
                  tx.write(changes)
                },
              }),
            )
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    let stored = 0
    const jobs = openJobs({
      vault: failing,
      pace: async () => {
        if (++stored === 4) full = true
        await turn()
      },
    })
    const report = await importing(jobs, ten())
    expect(report).toMatchObject({
      state: 'failed',
      conversations: { created: 4, failed: 0 },
      errors: [{ code: 'StorageFull' }],
    })
    full = false
    jobs.resume(report.jobId)
    await jobs.wait(report.jobId, 'stored', never)
    expect(jobs.report(report.jobId)).toMatchObject({
      state: 'done',
      conversations: { created: 10 },
      errors: [],
    })
  })

  test('pause, resume and cancel, and what is refused in which state', async () => {
    let stored = 0
    let at3: () => void = () => {}
    const jobs = openJobs({
      pace: async () => {
        if (++stored === 3) at3()
        await turn()
      },
    })
    const path = ten()
    const paused = new Promise<void>((resolve) => {
      at3 = () => {
        jobs.pause(id)
        resolve()
      }
    })
    const id = await jobs.create({ path }, { again: false })
    const waiting = await jobs.create({ path }, { again: false })
    await paused
    await jobs.wait(id, 'stored', never)
    expect(jobs.report(id)).toMatchObject({ state: 'paused', conversations: { created: 3 } })
    expect(() => jobs.pause(id)).toThrow(expect.objectContaining({ code: 'Conflict' }))
    await jobs.wait(waiting, 'stored', never)
    expect(jobs.report(waiting)).toMatchObject({ state: 'done', conversations: { created: 7, unchanged: 3 } })
    jobs.resume(id)
    expect(() => jobs.resume(id)).toThrow(expect.objectContaining({ code: 'Conflict' }))
    await jobs.wait(id, 'stored', never)
    expect(jobs.report(id)).toMatchObject({ state: 'done', conversations: { created: 3, unchanged: 7 } })
    for (const act of [() => jobs.resume(id), () => jobs.cancel(id), () => jobs.pause(id)])
      expect(act).toThrow(expect.objectContaining({ code: 'Conflict' }))
    const queued = await jobs.create({ path }, { again: false })
    expect(jobs.cancel(queued)).toBe('cancelled')
    await jobs.wait(queued, 'stored', never)
    expect(jobs.report(queued)).toMatchObject({
      state: 'cancelled',
      conversations: { created: 0, unchanged: 0 },
    })
    for (const act of [() => jobs.report('none'), () => jobs.pause('none')])
      expect(act).toThrow(expect.objectContaining({ code: 'NotFound' }))
    expect(jobs.list({ limit: 10 }).map(({ jobId }) => jobId)).toEqual([queued, waiting, id])
    expect(jobs.list({ limit: 10, state: 'cancelled' })).toHaveLength(1)
  })

  test('an upload survives a restart, sealed, and is gone when the job is done', async () => {
    const words = 'a gauge nobody else names'
    const data = await zipOf([{ name: 'x.json', data: JSON.stringify([chat('a', words)]), compress: false }])
    const first = openJobs()
    const id = await first.create({ data }, { again: false })
    await first.close()
    const upload = () => vaults.vault.get<{ data: Uint8Array | null }>('SELECT data FROM import_jobs')!.data
    expect(Buffer.from(upload()!).toString('latin1')).not.toContain('gauge')
    vaults.reopen()
    const second = openJobs()
    second.resumeAll()
    await second.wait(id, 'stored', never)
    expect(second.report(id)).toMatchObject({ state: 'done', conversations: { created: 1 } })
    expect(upload()).toBeNull()
  })

  test('a file that changed while the job stood still is read anew; one that went away fails with a code', async () => {
    const path = ten()
    let stored = 0
    const jobs = openJobs({
      pace: async () => {
        if (++stored === 3) jobs.pause(id)
        await turn()
      },
    })
    const id = await jobs.create({ path }, { again: false })
    await jobs.wait(id, 'stored', never)
    file('ten.json', [chat('new', 'x'), chat('c0', 'first 0', 'second 0')])
    jobs.resume(id)
    await jobs.wait(id, 'stored', never)
    expect(jobs.report(id)).toMatchObject({
      state: 'done',
      total: 2,
      conversations: { created: 1, unchanged: 1 },
    })
    const gone = await jobs.create({ path }, { again: false })
    rmSync(path)
    await jobs.wait(gone, 'stored', never)
    expect(jobs.report(gone)).toMatchObject({ state: 'failed', errors: [{ where: '', code: 'NotFound' }] })
  })

  test('progress: the first, the last, few in between, never backwards, never ahead of what is stored', async () => {
    const path = join(folder, 'export.json')
    const made = await generateExport(path, { bytes: 1_000_000, seed: 'progress' })
    let now = 1_000
    const timed: Vault = new Proxy(vaults.vault, {
      get(target, name) {
        if (name === 'now') return () => now
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const jobs = openJobs({
      vault: timed,
      pace: async () => {
        now += 10
        await turn()
      },
    })
    const id = await jobs.create({ path }, { again: false })
    const seen: { done: number; stage: string }[] = []
    jobs.onProgress(id, ({ done, total, stage }) => {
      expect(total).toBe(made.conversations)
      expect(done).toBeLessThanOrEqual(
        vaults.vault.get<{ n: number }>('SELECT count(*) AS n FROM conversations')!.n,
      )
      seen.push({ done, stage })
    })
    await jobs.wait(id, 'indexed', never)
    expect(jobs.report(id).messages).toBe(made.messages)
    expect(seen[0]).toEqual({ done: 0, stage: 'storing' })
    expect(seen.at(-1)).toEqual({ done: made.conversations, stage: 'done' })
    expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b))
    expect(seen.length).toBeLessThan(made.conversations / 10 + 6)
  })

  test('an abort ends the waiting, not the job; indexing is waited for with what was stored', async () => {
    let asked: readonly string[] = []
    const jobs = openJobs({
      async indexed(ids) {
        asked = ids
      },
    })
    const id = await jobs.create({ path: ten() }, { again: false })
    const controller = new AbortController()
    const waiting = jobs.wait(id, 'stored', controller.signal)
    controller.abort(new Error('gone'))
    await expect(waiting).rejects.toThrow('gone')
    await jobs.wait(id, 'indexed', never)
    expect(asked).toHaveLength(10)
    expect(jobs.report(id).state).toBe('done')
  })

  test('busy is told before a job is acknowledged, and again when nothing is left', async () => {
    const told: boolean[] = []
    const jobs = openJobs({ onBusy: (busy) => told.push(busy) })
    const id = await jobs.create({ path: ten() }, { again: false })
    expect(told).toEqual([true])
    expect(jobs.busy).toBe(true)
    await jobs.wait(id, 'stored', never)
    await turn()
    expect(told).toEqual([true, false])
    expect(jobs.busy).toBe(false)
  })

  test('the same seed generates the same export', async () => {
    const random = seededRandom('pick')
    const [a, b] = [join(folder, 'a.json'), join(folder, 'b.json')]
    await generateExport(a, { bytes: 200_000, seed: 'same' })
    await generateExport(b, { bytes: 200_000, seed: 'same' })
    const { readFileSync } = await import('node:fs')
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true)
    const all = JSON.parse(readFileSync(a, 'utf8'))
    expect(random.pick(all)).toHaveProperty('mapping')
    const nodes = all.flatMap((each: { mapping: object }) => Object.values(each.mapping))
    expect(nodes.some(({ children }: { children: string[] }) => children.length > 1)).toBe(true)
  })
})
