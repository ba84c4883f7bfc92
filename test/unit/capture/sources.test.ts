import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { planExport } from '../../../daemon/capture/export-plan.ts'
import { openSource } from '../../../daemon/capture/sources/open-source.ts'
import type { Source } from '../../../daemon/capture/sources/source.ts'
import { VivimError } from '../../../schema/errors.ts'
import { patched, zipOf } from './hostile-zip.ts'

const CHAT = JSON.stringify([
  {
    format: 'vivim.capture/1',
    provider: 'test',
    messages: [{ role: 'user', parts: [{ type: 'text', content: 'Hi' }] }],
  },
])

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivim-sources-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function contents(source: Source, name: string): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of source.open(name)) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

async function refusal(work: () => Promise<unknown>): Promise<VivimError> {
  const error = await work().then(
    () => undefined,
    (thrown) => thrown,
  )
  expect(error).toBeInstanceOf(VivimError)
  return error as VivimError
}

const path = (name: string, bytes: string | Buffer): string => {
  const full = join(folder, name)
  writeFileSync(full, bytes)
  return full
}

describe('sources', () => {
  test('a file, a folder, an archive on disk and in memory hold the same bytes', async () => {
    mkdirSync(join(folder, 'export/inner'), { recursive: true })
    writeFileSync(join(folder, 'export/inner/a.json'), CHAT)
    const zip = await zipOf([{ name: 'inner/a.json', data: CHAT }])
    const sources: [Source, string, string][] = [
      [await openSource({ path: path('a.json', CHAT) }, []), 'file', 'a.json'],
      [await openSource({ path: join(folder, 'export') }, []), 'folder', 'inner/a.json'],
      [await openSource({ path: path('a.zip', zip) }, []), 'zip', 'inner/a.json'],
      [await openSource({ data: zip }, []), 'zip', 'inner/a.json'],
      [await openSource({ data: Buffer.from(CHAT) }, []), 'file', 'data'],
    ]
    for (const [source, kind, name] of sources) {
      expect(source.kind).toBe(kind)
      expect(await source.entries()).toEqual([{ name, size: CHAT.length }])
      expect((await contents(source, name)).toString()).toBe(CHAT)
      expect((await contents(source, name)).toString(), 'a second time').toBe(CHAT)
      expect((await refusal(() => contents(source, '../a.json'))).code).toBe('NotFound')
      await source.close()
    }
  })

  test.each([
    ['a name that climbs out', 'aa/evil.json', '../evil.json'],
    ['a name that climbs out inside', 'aa/bb/ev.json', 'aa/../ev.json'],
    ['an absolute name', 'aa/evil.json', '/a/evil.json'],
    ['a name with a drive', 'aa/evil.json', 'C:/evil.json'],
    ['a name with backslashes', 'aa/bb/evil.js', 'aa\\bb\\evil.js'],
    ['a name with NUL', 'aa/evil.json', 'aa/\0vil.json'],
  ])('an archive is refused whole: %s', async (_, from, to) => {
    const zip = patched(
      await zipOf([
        { name: 'good.json', data: CHAT },
        { name: from, data: CHAT },
      ]),
      from,
      to,
    )
    for (const source of [{ data: zip }, { path: path('hostile.zip', zip) }]) {
      const error = await refusal(() => openSource(source, []))
      expect(error).toMatchObject({ code: 'Corrupt', message: expect.stringContaining('outside') })
      expect(JSON.stringify(error.toObject())).not.toContain('evil')
    }
  })

  test('links, bombs, passwords and strange packing are refused', async () => {
    const link = await zipOf([{ name: 'a.json', data: '/etc/passwd', mode: 0o120777 }])
    expect(await refusal(() => openSource({ data: link }, []))).toMatchObject({
      message: expect.stringContaining('link'),
    })
    const bomb = await zipOf([{ name: 'a.json', data: Buffer.alloc(20_000_000, ' ') }])
    expect(bomb.length).toBeLessThan(100_000)
    expect(await refusal(() => openSource({ data: bomb }, []))).toMatchObject({
      message: expect.stringContaining('100 times'),
    })
    const good = await zipOf([{ name: 'a.json', data: CHAT }])
    const central = good.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))
    const locked = Buffer.from(good)
    locked[central + 8]! |= 1
    expect(await refusal(() => openSource({ data: locked }, []))).toMatchObject({
      message: expect.stringContaining('password'),
    })
    const strange = Buffer.from(good)
    strange[central + 10] = 99
    expect((await refusal(() => openSource({ data: strange }, []))).code).toBe('Corrupt')
  })

  test('an entry that unpacks to more or less than it says is damage, not data', async () => {
    const good = await zipOf([{ name: 'a.json', data: CHAT.padEnd(5_000) }])
    const central = good.indexOf(Buffer.from([0x50, 0x4b, 1, 2]))
    for (const size of [10, 4_999, 5_001, 900_000]) {
      const lying = Buffer.from(good)
      lying.writeUInt32LE(size, central + 24)
      const source = await openSource({ data: lying }, [])
      expect((await refusal(() => contents(source, 'a.json'))).code).toBe('Corrupt')
      await source.close()
    }
    const flipped = Buffer.from(await zipOf([{ name: 'a.json', data: CHAT, compress: false }]))
    flipped[flipped.indexOf('Hi')] = 0x48 ^ 1
    const source = await openSource({ data: flipped }, [])
    expect((await refusal(() => contents(source, 'a.json'))).message).toContain('damaged')
    await source.close()
  })

  test('an archive cut off at every percent says so, and leaves no file open', async () => {
    const zip = await zipOf(
      Array.from({ length: 8 }, (_, at) => ({
        name: `conversations-${at}.json`,
        data: CHAT.padEnd(3_000 + at),
      })),
    )
    const before = readdirSync('/proc/self/fd').length
    for (let percent = 1; percent < 100; percent++) {
      const cut = zip.subarray(0, Math.max(4, Math.floor((zip.length * percent) / 100)))
      for (const source of [{ data: cut }, { path: path('cut.zip', cut) }])
        expect(await refusal(() => openSource(source, [])), `${percent} %`).toMatchObject({
          code: 'Corrupt',
          message: 'The archive is damaged or cut off.',
        })
    }
    expect(readdirSync('/proc/self/fd').length).toBe(before)
  })

  test('paths: absent, relative, a link, a pipe, a device, not readable, private', async () => {
    const real = path('real.json', CHAT)
    symlinkSync(real, join(folder, 'link.json'))
    const makePipe = 'mkfifo'
    execFileSync(makePipe, [join(folder, 'pipe.json')])
    const home = join(folder, 'home')
    mkdirSync(join(home, 'users'), { recursive: true })
    writeFileSync(join(home, 'users', 'vault.json'), CHAT)
    symlinkSync(home, join(folder, 'way-in'))
    const cases: [string, string][] = [
      [join(folder, 'nowhere.json'), 'NotFound'],
      ['real.json', 'InvalidParams'],
      ['', 'InvalidParams'],
      [`${real}\0.json`, 'InvalidParams'],
      [join(folder, 'link.json'), 'Forbidden'],
      [join(folder, 'pipe.json'), 'InvalidParams'],
      ['/dev/zero', 'InvalidParams'],
      [`${real}/below`, 'NotFound'],
      [home, 'Forbidden'],
      [join(home, 'users', 'vault.json'), 'Forbidden'],
      [join(folder, 'way-in', 'users', 'vault.json'), 'Forbidden'],
      [join(home, '..', 'home', 'users', 'vault.json'), 'Forbidden'],
    ]
    for (const [name, code] of cases) {
      const error = await refusal(() => openSource({ path: name }, [home]))
      expect(error.code, name).toBe(code)
      expect(error.message, name).not.toContain(folder)
    }
  })

  test('a folder passes over links and the node’s own data', async () => {
    const root = join(folder, 'tree')
    mkdirSync(join(root, 'home'), { recursive: true })
    mkdirSync(join(root, 'deep', 'er'), { recursive: true })
    writeFileSync(join(root, 'home', 'secret.json'), CHAT)
    writeFileSync(join(root, 'deep', 'er', 'a.json'), CHAT)
    symlinkSync(join(folder, 'real.json'), join(root, 'link.json'))
    symlinkSync('/', join(root, 'everything'))
    const source = await openSource({ path: root }, [join(root, 'home')])
    expect((await source.entries()).map(({ name }) => name)).toEqual(['deep/er/a.json'])
  })
})

describe('what is in a source', () => {
  const plan = async (members: Record<string, string>, wanted?: string) => {
    const source = await openSource(
      { data: await zipOf(Object.entries(members).map(([name, data]) => ({ name, data }))) },
      [],
    )
    const { provider, files, damaged } = await planExport(source, wanted)
    return { provider: provider.name, files: files.map(({ name }) => name), damaged }
  }
  const chatgpt = JSON.stringify([{ mapping: { a: { message: { author: {}, content: {} } } } }])
  const claude = JSON.stringify([{ uuid: 'u', chat_messages: [{ sender: 'human' }] }])

  test('structure decides, never the name; shards in natural order; other files are left alone', async () => {
    expect(
      await plan({
        'conversations-10.json': chatgpt,
        'conversations-2.json': chatgpt,
        'user.json': '{"id": 1}',
        'empty.json': '[]',
        '__MACOSX/._conversations.json': '\0\x05\x16\x07',
        'picture.dat': 'x',
      }),
    ).toEqual({ provider: 'chatgpt', files: ['conversations-2.json', 'conversations-10.json'], damaged: [] })
    expect(await plan({ 'conversations.json': claude })).toMatchObject({ provider: 'claude' })
    const deepseek = JSON.stringify([
      { mapping: { a: { message: { fragments: [], author: {}, content: {} } } } },
    ])
    expect(await plan({ 'conversations.json': deepseek })).toMatchObject({ provider: 'deepseek' })
    expect(await plan({ 'a.json': claude, 'b.json': chatgpt }, 'chatgpt')).toMatchObject({
      files: ['b.json'],
    })
  })

  test('a shard that is cut off or that only the manifest knows is named', async () => {
    const manifest = JSON.stringify({
      version: 1,
      logical_files: {
        'conversations.json': { files: ['conversations-000.json', 'conversations-001.json'], sharded: true },
      },
    })
    expect(await plan({ 'conversations-000.json': chatgpt, 'export_manifest.json': manifest })).toMatchObject(
      {
        damaged: ['conversations-001.json'],
      },
    )
    expect(
      await plan({ 'conversations-000.json': chatgpt, 'conversations-001.json': '[{"mapping": {' }),
    ).toMatchObject({
      damaged: ['conversations-001.json'],
    })
  })

  test('the first conversations may be broken ones', async () => {
    expect(await plan({ 'c.json': `[{"title":"no mapping"},{oops},${chatgpt.slice(1)}` })).toMatchObject({
      provider: 'chatgpt',
    })
  })

  test.each([
    ['nothing known', '{"hello": "world"}', 'InvalidParams'],
    ['a picture', '\x89PNG\r\n', 'InvalidParams'],
    ['an empty file', '', 'InvalidParams'],
    [
      'a key that others use for conversations',
      JSON.stringify([{ mapping: { a: { message: { pieces: [] } } } }]),
      'InvalidParams',
    ],
    ['JSON that ends early', '[{"mapping": {', 'Corrupt'],
  ])('refused: %s', async (_, text, code) => {
    const source = await openSource({ data: Buffer.from(text) }, [])
    expect((await refusal(() => planExport(source))).code).toBe(code)
  })

  test('an unknown provider is refused by name', async () => {
    const source = await openSource({ data: Buffer.from(CHAT) }, [])
    expect(await refusal(() => planExport(source, 'nobody'))).toMatchObject({
      code: 'InvalidParams',
      field: 'provider',
    })
  })
})
