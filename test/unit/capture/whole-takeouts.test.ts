import { randomBytes } from 'node:crypto'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ImportJobs } from '../../../daemon/capture/import-jobs.ts'
import { openSource } from '../../../daemon/capture/sources/open-source.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { REPOSITORY } from '../../support/repository.ts'
import { type TemporaryVault, temporaryVault } from '../../support/temporary-vault.ts'
import { type ZipMember, zipOf } from './hostile-zip.ts'

const fixture = (name: string) => readFileSync(join(REPOSITORY, 'test', 'fixtures', name))

let vaults: TemporaryVault
let folder: string
let jobs: ImportJobs
beforeEach(() => {
  vaults = temporaryVault()
  folder = mkdtempSync(join(tmpdir(), 'vivim-takeout-'))
  jobs = new ImportJobs({
    vault: vaults.vault,
    random: (bytes) => new Uint8Array(randomBytes(bytes)),
    privateFolders: [],
    pace: async () => {},
    wakeDerivation() {},
    async indexed() {},
    onUnexpected(error) {
      throw error
    },
  })
})
afterEach(async () => {
  await jobs.close()
  vaults[Symbol.dispose]()
  rmSync(folder, { recursive: true, force: true })
})

const put = (name: string, bytes: string | Uint8Array): string => {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}
const imported = async (path: string) => {
  const id = await jobs.create({ path }, { again: false })
  await jobs.wait(id, 'stored', new AbortController().signal)
  return jobs.report(id)
}
const providers = () =>
  Object.fromEntries(
    vaults.vault
      .all<{ provider: string; n: number }>(
        'SELECT provider, count(*) AS n FROM conversations GROUP BY 1 ORDER BY 1',
      )
      .map(({ provider, n }) => [provider, n]),
  )
const youtube = JSON.stringify([
  { header: 'YouTube', title: 'Watched Gemini Apps', time: '2026-07-25T17:00:00Z', products: ['YouTube'] },
])

describe('whole takeouts', () => {
  test('Google’s: of many files with one name the right ones, both forms, each conversation once', async () => {
    const members: ZipMember[] = [
      { name: 'Takeout/archive_browser.html', data: '<!DOCTYPE html><html><body>Gemini Apps</body></html>' },
      { name: 'Takeout/My Activity/YouTube/MyActivity.json', data: youtube },
      { name: 'Takeout/My Activity/Chrome/MyActivity.json', data: youtube.replaceAll('YouTube', 'Chrome') },
      { name: 'Takeout/My Activity/Gemini Apps/MyActivity.json', data: fixture('gemini/MyActivity.json') },
      {
        name: 'Takeout/My Activity/Gemini Apps/MyActivity.html',
        data: fixture('gemini/MyActivity.html'),
        compress: false,
      },
      { name: 'Takeout/My Activity/Gemini Apps/image-1.png', data: 'not looked into' },
    ]
    const report = await imported(put('takeout.zip', await zipOf(members)))
    expect(report).toMatchObject({ state: 'done', provider: 'gemini', errors: [] })
    expect(report.skipped).toContainEqual({ reason: 'a file without conversations', count: 3 })
    expect(report.skipped).toContainEqual({ reason: 'an activity that is no conversation', count: 3 })
    expect(report.skipped).toContainEqual({ reason: 'a prompt without words', count: 1 })
    // Seven from the JSON; of the page's two, one is among them.
    expect(providers()).toEqual({ gemini: 8 })
  })

  test('three vendors’ conversations.json in one folder are told apart', async () => {
    for (const vendor of ['chatgpt', 'claude', 'deepseek'])
      put(`exports/${vendor}/conversations.json`, fixture(`${vendor}/conversations.json`))
    put('exports/users.json', '[{"uuid": "u", "full_name": "Ann"}]')
    const report = await imported(join(folder, 'exports'))
    expect(report).toMatchObject({ state: 'done', errors: [], conversations: { failed: 0 } })
    expect(providers()).toEqual({ chatgpt: 2, claude: 1, deepseek: 2 })
  })

  test('archives in folders, in archives and in those; hostile ones inside are named, the rest is read', async () => {
    const inner = await zipOf([{ name: 'conversations.json', data: fixture('claude/conversations.json') }])
    const outer = await zipOf([
      { name: 'part-1.zip', data: inner, compress: false },
      { name: 'cut.zip', data: inner.subarray(0, 300), compress: false },
      { name: 'link.zip', data: await zipOf([{ name: 'a.json', data: '/etc/passwd', mode: 0o120777 }]) },
      {
        name: 'bomb.zip',
        data: await zipOf([{ name: 'a.json', data: Buffer.alloc(20_000_000, ' ') }]),
        compress: false,
      },
      {
        name: 'part-2.zip',
        data: await zipOf([
          {
            name: 'deep.zip',
            data: await zipOf([{ name: 'x.jsonl', data: fixture('sharegpt/data.jsonl') }]),
          },
        ]),
      },
    ])
    put('all/outer.zip', outer)
    put(
      'all/grok.zip',
      await zipOf([{ name: 'ttl/prod-grok-backend.json', data: fixture('grok/prod-grok-backend.json') }]),
    )
    const report = await imported(join(folder, 'all'))
    expect(report.state).toBe('done')
    expect(report.errors.map(({ where, code }) => [where, code])).toEqual([
      ['outer.zip/cut.zip', 'Corrupt'],
      ['outer.zip/link.zip', 'Corrupt'],
      ['outer.zip/bomb.zip', 'Corrupt'],
    ])
    expect(providers()).toEqual({ claude: 1, grok: 2, sharegpt: 2 })
  })

  test('archives nested without an end, or too large to hold, are refused without reading on', async () => {
    let zip = await zipOf([{ name: 'x.jsonl', data: fixture('sharegpt/data.jsonl') }])
    for (let depth = 0; depth < 6; depth++) zip = await zipOf([{ name: `${depth}.zip`, data: zip }])
    const deep = await openSource({ data: zip }, [])
    expect(await deep.entries()).toEqual([])
    expect(deep.problems).toMatchObject([{ message: expect.stringContaining('too deep') }])
    await deep.close()
    const filler = randomBytes(1_000_000)
    const half = Buffer.concat(Array.from({ length: LIMITS.nestedArchiveBytes / 2e6 + 2 }, () => filler))
    const large = await openSource(
      {
        data: await zipOf([
          { name: 'a.zip', data: half, compress: false },
          { name: 'b.zip', data: half, compress: false },
        ]),
      },
      [],
    )
    expect(large.problems).toMatchObject([
      { name: 'a.zip', message: expect.stringContaining('damaged') },
      { name: 'b.zip', message: expect.stringContaining('too large') },
    ])
    await large.close()
  })

  test('a pattern names files in one folder or in all below; links and the node’s own data stay out', async () => {
    put('downloads/chatgpt-1.json', fixture('chatgpt/conversations.json'))
    put('downloads/claude-1.json', fixture('claude/conversations.json'))
    put('downloads/old/claude-2.json', fixture('claude/share-snapshot.json'))
    put('downloads/home/claude-3.json', fixture('claude/conversations.json'))
    symlinkSync('/etc/passwd', join(folder, 'downloads', 'claude-4.json'))
    const names = async (pattern: string) => {
      const source = await openSource({ path: join(folder, pattern) }, [join(folder, 'downloads', 'home')])
      return (await source.entries()).map(({ name }) => name)
    }
    expect(await names('downloads/claude-*.json')).toEqual(['claude-1.json'])
    expect(await names('downloads/{claude,chatgpt}-1.json')).toEqual(['chatgpt-1.json', 'claude-1.json'])
    expect(await names('downloads/**/claude-*')).toEqual(['claude-1.json', 'old/claude-2.json'])
    expect(await names('down*/old/*')).toEqual(['downloads/old/claude-2.json'])
    for (const [pattern, code] of [
      ['downloads/nothing-*', 'NotFound'],
      ['nowhere/*', 'NotFound'],
      ['downloads/home/*', 'Forbidden'],
    ])
      await expect(names(pattern!)).rejects.toMatchObject({ code })
    expect(await imported(join(folder, 'downloads', 'claude-*.json'))).toMatchObject({
      state: 'done',
      provider: 'claude',
    })
  })

  test('no reading of any fixture writes a file', async () => {
    const path = join(REPOSITORY, 'test', 'fixtures')
    const listing = () => readdirSync(path, { recursive: true }).sort()
    const before = listing()
    const report = await imported(path)
    expect(report.state).toBe('done')
    expect(report.errors.map(({ where }) => where)).toEqual(['claude-code/session.jsonl #20'])
    expect(Object.keys(providers()).length).toBeGreaterThanOrEqual(22)
    expect(listing()).toEqual(before)
  })
})
