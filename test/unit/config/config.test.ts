import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadConfig } from '../../../config/config.ts'
import { isListenAddress, portOf, withPort } from '../../../config/multiaddr.ts'
import { editDistance, nearestName } from '../../../config/nearest-name.ts'
import { SETTING_KEYS, settingOf } from '../../../config/settings.ts'

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivimd-config-'))
  file = join(folder, 'config.json')
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const write = (value: unknown) =>
  writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value))
const load = (env: Record<string, string | undefined> = {}, flags: Record<string, string | undefined> = {}) =>
  loadConfig({ file, env, flags, cwd: '/somewhere' })
const failure = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return error as { code: string; message: string; hint?: string; field?: string }
  }
  throw new Error('it did not fail')
}

describe('precedence', () => {
  it('is flag, environment, file, default, and every value names its origin', () => {
    const level = (config: ReturnType<typeof load>) => [
      config.value('log.level'),
      config.get('log.level').origin,
    ]
    expect(level(load())).toEqual(['info', 'default'])
    write({ log: { level: 'warn' } })
    expect(level(load())).toEqual(['warn', 'file'])
    expect(level(load({ VIVIM_LOG_LEVEL: 'debug' }))).toEqual(['debug', 'environment'])
    expect(level(load({ VIVIM_LOG_LEVEL: 'debug' }, { 'log-level': 'error' }))).toEqual(['error', 'flag'])
  })

  it('takes an empty variable as none', () => {
    expect(load({ VIVIM_LOG_LEVEL: '' }).get('log.level').origin).toBe('default')
  })

  it('lists every setting once, with a value or null, and a description', () => {
    const items = load().list()
    expect(items.map(({ key }) => key)).toEqual([...SETTING_KEYS])
    for (const { key, value, description } of items) {
      expect(value, key).not.toBe(undefined)
      expect(description.length, key).toBeGreaterThan(10)
    }
    const variables = SETTING_KEYS.flatMap((key) => settingOf(key).env ?? [])
    expect(new Set(variables).size).toBe(variables.length)
  })

  it('keeps text that looks like a number or a boolean as text where text is meant', () => {
    expect(load({ VIVIM_USER: '7' }).value('user')).toBe('7')
    expect(load({ VIVIM_USER: 'true' }).value('user')).toBe('true')
    expect(load({ VIVIM_TEST_CLOCK_OFFSET_MS: '-7000' }).value('test.clockOffsetMs')).toBe(-7000)
  })

  it('makes paths absolute: from the working directory, or from the home for those in the file', () => {
    expect(load({ USER_DB_DIR: 'data' }).value('users.dir')).toBe('/somewhere/data')
    write({ users: { dir: 'data' } })
    expect(load().value('users.dir')).toBe(join(folder, 'data'))
  })
})

describe('what is refused', () => {
  it('an unknown key, with the nearest name', () => {
    write({ log: { levle: 'debug' } })
    expect(failure(load)).toMatchObject({ code: 'InvalidParams', hint: 'Did you mean log.level?' })
    write({ colour: 'blue' })
    expect(failure(load).hint).toContain('config list')
  })

  it('keys of the language itself', () => {
    for (const text of ['{"__proto__": {"role": "member"}}', '{"constructor": 1}', '{"toString": "x"}']) {
      write(text)
      expect(failure(load).code, text).toBe('InvalidParams')
    }
  })

  it.each([
    ['no JSON', '{"role":'],
    ['a list', '[]'],
    ['null', 'null'],
    ['text', '"solo"'],
    ['nothing at all', ''],
  ])('a file that is %s', (_, text) => {
    write(text)
    expect(failure(load).code).toBe('Corrupt')
  })

  it.each([
    [{ role: 'king' }],
    [{ role: null }],
    [{ role: {} }],
    [{ limits: { openUsers: 0 } }],
    [{ limits: { openUsers: 1.5 } }],
    [{ limits: { openUsers: '16' } }],
    [{ network: { listen: 'localhost:80' } }],
    [{ log: 'debug' }],
  ])('%j', (value) => {
    write(value)
    expect(failure(load).code).toBe('InvalidParams')
  })

  it('shared databases, in words', () => {
    expect(failure(() => load({ PER_USER_ISOLATION: 'false' })).hint).toContain('no shared mode')
    expect(failure(() => load({ PER_USER_ISOLATION: '0' })).code).toBe('InvalidParams')
    expect(load({ PER_USER_ISOLATION: 'true' }).value('isolation')).toBe(true)
  })

  it('nothing for the variables of the earlier server, but a warning', () => {
    const { warnings } = load({ USER_DATABASE_URL: 'postgresql://x', MASTER_DATABASE_URL: 'postgresql://y' })
    expect(warnings).toHaveLength(2)
    expect(warnings.join()).not.toContain('postgresql')
    expect(load().warnings).toEqual([])
  })

  it('nothing of a database that a bootstrap node is told of, which nobody is shown', () => {
    const config = load({ VIVIM_ROLE: 'bootstrap', MASTER_DATABASE_URL: 'postgresql://u:secret-word@host/x' })
    expect(config.warnings).toEqual([])
    expect(config.value('master.databaseUrl')).toContain('secret-word')
    expect(JSON.stringify(config.list())).not.toContain('secret-word')
    expect(config.get('master.databaseUrl')).toMatchObject({
      value: '(set, not shown)',
      origin: 'environment',
    })
    expect(load().get('master.databaseUrl').value).toBeNull()
  })
})

describe('changing', () => {
  it('writes a dynamic setting, 0600 and whole, keeps the others, and tells who listens', () => {
    write({ user: 'Ann' })
    const config = load({ VIVIM_LOG_LEVEL: 'warn' })
    const seen: string[] = []
    config.onChange((key) => seen.push(`${key}=${config.value('log.level')}`))
    expect(config.set('log.level', 'debug')).toMatchObject({ value: 'debug', origin: 'file', dynamic: true })
    expect(seen).toEqual(['log.level=debug'])
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ user: 'Ann', log: { level: 'debug' } })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(load().value('log.level')).toBe('debug')
  })

  it('refuses unknown, static and wrong ones, and leaves the file as it was', () => {
    write({ user: 'Ann' })
    const config = load()
    expect(failure(() => config.set('log.levl', 'debug')).code).toBe('NotFound')
    expect(failure(() => config.set('limits.openUsers', 3)).code).toBe('Forbidden')
    expect(failure(() => config.set('log.level', 'loud')).code).toBe('InvalidParams')
    expect(failure(() => config.store('__proto__', 1)).code).toBe('NotFound')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ user: 'Ann' })
  })

  it('says so when the file cannot be written, and keeps the old value', () => {
    const config = loadConfig({ file: join(folder, 'gone', 'config.json'), cwd: '/' })
    expect(failure(() => config.set('log.level', 'debug')).code).toBe('Unavailable')
    expect(config.value('log.level')).toBe('info')
  })

  it('reads back what it wrote, whatever was set', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1, maxLength: 50 }),
        fc.integer({ min: 1, max: 1000 }),
        (user, open) => {
          const config = load()
          config.store('user', user)
          config.store('limits.openUsers', open)
          const again = load()
          expect(again.value('user')).toBe(user)
          expect(again.value('limits.openUsers')).toBe(open)
        },
      ),
      { numRuns: 50 },
    )
  })
})

describe('listen addresses', () => {
  it.each(['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/4001', '/dns4/node.example.org/tcp/443/ws'])(
    'takes %s',
    (text) => {
      expect(isListenAddress(text)).toBe(true)
      expect(portOf(withPort(text, 12_345))).toBe(12_345)
    },
  )
  it.each([
    '',
    '/ip4/300.0.0.1/tcp/1',
    '/ip4/127.0.0.1/tcp/65536',
    '/ip4/127.0.0.1/udp/1',
    '/ip6/1.2.3.4/tcp/1',
    '/dns/-/tcp/1',
  ])('refuses %j', (text) => expect(isListenAddress(text)).toBe(false))
})

describe('nearest names', () => {
  it('finds slips of the fingers and nothing else', () => {
    const names = ['status', 'start', 'stop', 'search']
    expect(nearestName('statsu', names)).toBe('status')
    expect(nearestName('SERACH', names)).toBe('search')
    expect(nearestName('banana', names)).toBeUndefined()
    expect(nearestName('x'.repeat(1_000_000), names)).toBeUndefined()
  })

  it('measures like the textbook recursion', () => {
    const slow = (a: string, b: string): number => {
      if (a === '' || b === '') return a.length + b.length
      const same = a.at(-1) === b.at(-1) ? 0 : 1
      const swap =
        a.length > 1 && b.length > 1 && a.at(-1) === b.at(-2) && a.at(-2) === b.at(-1)
          ? slow(a.slice(0, -2), b.slice(0, -2)) + 1
          : Number.POSITIVE_INFINITY
      return Math.min(
        slow(a.slice(0, -1), b) + 1,
        slow(a, b.slice(0, -1)) + 1,
        slow(a.slice(0, -1), b.slice(0, -1)) + same,
        swap,
      )
    }
    const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 })
    fc.assert(
      fc.property(word, word, (a, b) => {
        expect(editDistance(a, b)).toBe(slow(a, b))
      }),
      { numRuns: 200 },
    )
  })
})
