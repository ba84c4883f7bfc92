import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../../daemon/log.ts'
import { LogFile } from '../../../daemon/log-file.ts'
import { lastError, plainLine } from '../../../daemon/log-lines.ts'
import { VivimError } from '../../../schema/errors.ts'

const CANARY = 'canary-5f21'

function captured(level: 'info' | 'debug' = 'info') {
  let text = ''
  const log = createLog({ level, now: () => 1_700_000_000_000, write: (line) => (text += line) })
  return {
    log,
    get text() {
      return text
    },
    lines: () =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}

describe('log lines', () => {
  it('are JSON with the part they come from', () => {
    const out = captured()
    out.log.child({ subsystem: 'users' }).warn({ ms: 4, did: 'did:key:zX' }, 'slow')
    expect(out.lines()).toEqual([
      { level: 40, time: 1_700_000_000_000, subsystem: 'users', ms: 4, did: 'did:key:zX', msg: 'slow' },
    ])
  })

  it('follow the level at once, in every part', () => {
    const out = captured()
    const child = out.log.child({ subsystem: 'a' })
    const grandchild = child.child({ subsystem: 'b' })
    grandchild.debug({}, 'unseen')
    out.log.setLevel('debug')
    grandchild.debug({}, 'seen')
    out.log.setLevel('silent')
    child.error({}, 'unseen')
    expect(out.lines().map(({ msg }) => msg)).toEqual(['seen'])
  })

  it.each([
    'token',
    'refreshToken',
    'accessToken',
    'refresh_token',
    'passphrase',
    'recoveryPhrase',
    'password',
    'seed',
    'rootSeed',
    'privateKey',
    'secret',
    'clientSecret',
    'apiKey',
    'Authorization',
    'content',
    'text',
    'title',
    'query',
    'params',
    'result',
    'payload',
    'parts',
    'messages',
    'displayName',
    'path',
  ])('never hold %s, at any depth', (name) => {
    const out = captured()
    const list = [{ deep: { [name]: CANARY } }]
    out.log.info({ [name]: CANARY, call: { [name]: { inner: CANARY }, list } }, 'call')
    expect(out.text).not.toContain(CANARY)
    expect(out.text).toContain('[redacted]')
  })

  it('show errors by kind and place, our own by their text, and never quote what was parsed', () => {
    const out = captured()
    let cause: unknown
    try {
      JSON.parse(`{"${CANARY}`)
    } catch (error) {
      cause = error
    }
    out.log.error(
      { err: new VivimError('Corrupt', 'A page failed.', { hint: 'Run verify.', cause }) },
      'read',
    )
    out.log.error({ err: new Error(CANARY) }, 'other')
    out.log.error({ err: Object.assign(new Error(CANARY), { code: 'ENOSPC' }) }, 'disk')
    const [ours, other, system] = out.lines()
    expect(ours).toMatchObject({
      err: { code: 'Corrupt', message: 'A page failed.', cause: { type: 'SyntaxError' } },
    })
    expect(other).toMatchObject({
      err: { at: [expect.stringMatching(/log\.test\.ts:\d+:\d+/), ...Array(4).fill(expect.any(String))] },
    })
    expect(system).toMatchObject({ err: { code: 'ENOSPC' } })
    expect(out.text).not.toContain(CANARY)
  })

  it('survive anything: rings, bytes, big numbers, endless text', () => {
    const out = captured()
    const ring: Record<string, unknown> = {
      big: 2n ** 70n,
      bytes: new Uint8Array(9),
      long: 'x'.repeat(100_000),
    }
    ring.ring = ring
    out.log.info(ring, 'odd')
    expect(out.lines()[0]).toMatchObject({ big: '1180591620717411303424', bytes: '[9 bytes]' })
    expect(out.text.length).toBeLessThan(5_000)
  })
})

describe('lines for people', () => {
  it('read as one line, and give back what is no log line', () => {
    const out = captured()
    out.log.child({ subsystem: 'users' }).info({ ms: 4, why: 'two words' }, 'opened')
    expect(plainLine(out.text)).toMatch(/^\d\d:\d\d:\d\d info {2}users: opened ms=4 why="two words"\n$/)
    expect(plainLine('no json\n')).toBe('no json\n')
  })

  it('the last error explains why a process ended', () => {
    const out = captured()
    out.log.error({ err: new VivimError('Conflict', 'In use.', { hint: 'Stop it.' }) }, '')
    out.log.info({}, 'stopped')
    expect(lastError(out.text)).toBe('In use. Stop it.')
    const odd = captured()
    odd.log.error({ err: Object.assign(new Error('x'), { code: 'ENOTDIR' }) }, '')
    expect(lastError(odd.text)).toBe('The log says ENOTDIR.')
    expect(lastError('Segmentation fault\n')).toBe('Segmentation fault')
    expect(lastError('')).toBeUndefined()
  })
})

describe('the log file', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vivimd-log-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('is private, and moves over to one older file when it is full', () => {
    const path = join(folder, 'vivimd.log')
    const file = new LogFile(path, 1_000)
    const line = `${'x'.repeat(99)}\n`
    for (let i = 0; i < 35; i++) file.write(line)
    file.close()
    expect(readdirSync(folder).sort()).toEqual(['vivimd.log', 'vivimd.log.1'])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(path, 'utf8')).toBe(line.repeat(5))
    expect(readFileSync(`${path}.1`, 'utf8')).toBe(line.repeat(10))
    const again = new LogFile(path, 1_000)
    for (let i = 0; i < 6; i++) again.write(line)
    again.close()
    expect(readFileSync(path, 'utf8')).toBe(line)
  })
})
