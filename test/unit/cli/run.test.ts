import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Interrupted } from '../../../rpc/cli/io.ts'
import { ERROR_CODES, type ErrorCode, VivimError } from '../../../schema/errors.ts'
import { ANN, BEN, CommandLine, userNamed } from './command-line.ts'

const STATUS = {
  version: '1.2.3',
  role: 'solo',
  peerId: '12D3KooWx',
  pid: 7,
  startedAt: 0,
  readyMs: 250,
  rssMb: 90,
  multiaddrs: [],
  peers: 0,
  users: { total: 1, open: 0 },
  master: { state: 'none' },
  home: '/h',
  socket: '/h/run/vivimd.sock',
}
const EMPTY = { items: [], nextCursor: null }
const several = () => ({ items: [userNamed(ANN, 'Ann'), userNamed(BEN, 'Ben')], nextCursor: null })

describe('what is typed', () => {
  it.each([
    [['status'], 'node.status'],
    [['--json', 'status'], 'node.status'],
    [['jobs', 'list'], 'capture.jobs.list'],
    [['jobs'], 'capture.jobs.list'],
    [['--user', 'Ann', 'jobs', '--timeout', '3', 'list', '--limit', '3'], 'capture.jobs.list'],
    [['conversations', '--provider=claude'], 'conversations.list'],
  ])('%j calls %s', async (argv, method) => {
    const line = new CommandLine({
      'node.status': () => STATUS,
      'capture.jobs.list': () => EMPTY,
      'conversations.list': () => EMPTY,
    })
    expect(await line.run(...argv), line.io.stderr).toBe(0)
    expect(line.methods().at(-1)).toBe(method)
    expect(line.closed).toBe(1)
  })

  it('becomes typed parameters, named as the method names them', async () => {
    const line = new CommandLine({
      'acus.list': () => EMPTY,
      'conversations.list': () => EMPTY,
      'search.query': () => ({ items: [], weak: false }),
      'capture.scan': () => ({
        provider: 'claude',
        container: 'zip',
        validated: true,
        conversations: 0,
        messages: 0,
        bytes: 0,
        from: null,
        to: null,
        skipped: [],
        errors: [],
      }),
      'conversations.tag': ({ id }) => ({
        id,
        provider: 'p',
        title: 't',
        createdAt: null,
        updatedAt: null,
        messageCount: 0,
        state: 'ACTIVE',
        tags: [],
      }),
    })
    const params = async (...argv: string[]) => {
      expect(await line.run(...argv), line.io.stderr).toBe(0)
      return line.calls.at(-1)![1]
    }
    expect(await params('acus', 'list', 'c1', '--min-quality', '60', '--max-security-level=2')).toEqual({
      conversationId: 'c1',
      minQuality: 60,
      maxSecurityLevel: 2,
    })
    expect(
      await params('search', 'green', 'tea', '--kinds', 'unit', '--kinds', 'topic', '--explain'),
    ).toEqual({
      query: 'green tea',
      kinds: ['unit', 'topic'],
      explain: true,
    })
    expect(await params('search', '--', '--json', '-5')).toEqual({ query: '--json -5' })
    expect(await params('search', '7', '--no-explain')).toEqual({ query: '7', explain: false })
    expect(await params('conversations', 'list', '--from', '2026-01-31')).toEqual({
      from: Date.UTC(2026, 0, 31),
    })
    expect(await params('scan', 'a/../b.zip')).toEqual({ path: '/cwd/b.zip' })
    expect(await params('conversations', 'tag', 'c1', '--add', 'a, b', '--remove', 'c')).toEqual({
      id: 'c1',
      add: ['a, b'],
      remove: ['c'],
    })
    line.io.input = 'from a pipe\n'
    expect(await params('search', '-')).toEqual({ query: 'from a pipe' })
  })

  it.each([
    [['statsu'], 'Did you mean `vivimd status`?'],
    [['jobs', 'lst'], 'Did you mean `vivimd jobs list`?'],
    [['banana'], '--help'],
    [['conversations', 'rename'], 'ID is missing'],
    [['conversations', 'show', 'a', 'b'], 'one word too many'],
    [['jobs', '--limt', '3'], 'Did you mean --limit?'],
    [['jobs', '--limit'], '--limit N'],
    [['jobs', '--limit', 'many'], 'takes a number'],
    [['jobs', '--limit', '1e999'], 'takes a number'],
    [['jobs', '--limit', '1000'], '--limit is not right'],
    [['jobs', '--limit', '1.5'], '--limit is not right'],
    [['jobs', '--state', 'asleep'], '--state is not right'],
    [['jobs', '--json=yes'], 'takes no value'],
    [['conversations', '--from', 'someday'], 'takes a date'],
    [['--__proto__', 'status'], 'There is no option'],
    [['status', '--constructor'], 'There is no option'],
    [['call', 'constructor'], 'There is no method'],
    [['call', 'search.qery'], 'Did you mean search.query?'],
    [['call', 'search.query', 'query:=tea'], 'needs JSON'],
    [['call', 'search.query', '--params', '[1]'], 'JSON object'],
    [['call', 'search.query', 'a', 'b'], 'name=text'],
    [['import'], 'which file'],
    [['import', 'x', '--wait', 'forever'], '--wait takes'],
    [['user', 'delete'], 'Say which user'],
    [['completion', 'tcsh'], 'bash, zsh or fish'],
    [['config', 'get'], 'A key is needed'],
  ])('%j is refused with the next thing to do: %s', async (argv, says) => {
    const line = new CommandLine()
    expect(await line.run(...argv)).toBe(2)
    expect(line.io.stdout).toBe('')
    expect(line.io.stderr).toContain(says)
    expect(line.io.stderr).toMatch(/^vivimd: [^\n]+\n$/)
    expect(line.methods().filter((method) => method !== 'users.list' && method !== 'auth.login')).toEqual([])
    expect(await line.run('--json', ...argv)).toBe(2)
    if (!argv.includes('--json=yes')) expect(line.json).toMatchObject({ error: { code: 'InvalidParams' } })
  })
})

describe('exit codes', () => {
  it.each(Object.entries(ERROR_CODES))(
    '%s ends with its code, on one line or as JSON',
    async (code, { exit }) => {
      const line = new CommandLine({
        'node.status': () => {
          throw new VivimError(code as ErrorCode, 'It\nfailed', { hint: 'Do this.' })
        },
      })
      expect(await line.run('status')).toBe(exit)
      expect(line.io.stderr).toBe('vivimd: It failed. Do this.\n')
      expect(await line.run('status', '--json')).toBe(exit)
      expect(line.json).toEqual({ error: { code, message: 'It\nfailed', hint: 'Do this.' } })
      expect(line.io.stderr).toBe('')
    },
  )

  it('3 without a node, naming the command to type', async () => {
    const line = new CommandLine()
    line.running = false
    for (const argv of [
      ['status'],
      ['search', 'x'],
      ['user', 'list'],
      ['call', 'node.status'],
      ['import', 'x'],
    ]) {
      expect(await line.run(...argv), argv.join(' ')).toBe(3)
      expect(line.io.stderr).toContain('`vivimd start`')
    }
  })

  it('1, not 3, when the connection breaks during a call', async () => {
    const line = new CommandLine({
      'node.status': () => {
        throw new VivimError('Unavailable', 'The connection to the node was lost.')
      },
    })
    expect(await line.run('status')).toBe(1)
  })

  it('1 for what nobody foresaw, without a stack or its text', async () => {
    const line = new CommandLine({
      'node.status': () => {
        throw new TypeError('secret internals')
      },
    })
    expect(await line.run('status')).toBe(1)
    expect(line.io.stderr).not.toContain('secret')
    expect(line.io.stderr.split('\n')).toHaveLength(2)
  })

  it('1 for a result that is bad news', async () => {
    const line = new CommandLine({
      'node.health': () => ({ ok: false, checks: [{ name: 'user', ok: false, ms: 3, message: 'no' }] }),
      'sync.verify': () => ({
        ok: false,
        operations: 1,
        rows: 1,
        problems: [{ kind: 'k', where: 'w', message: 'm' }],
      }),
    })
    expect(await line.run('health')).toBe(1)
    expect(line.io.stdout).toContain('FAIL user')
    expect(await line.run('verify')).toBe(1)
  })
})

describe('signing in', () => {
  const answers = { 'conversations.list': () => EMPTY }

  it('uses the only user', async () => {
    const line = new CommandLine(answers)
    expect(await line.run('conversations')).toBe(0)
    expect(line.calls).toContainEqual(['auth.login', { did: ANN }])
  })

  it('asks which of several, with the list and exit code 2', async () => {
    const line = new CommandLine({ ...answers, 'users.list': several })
    expect(await line.run('conversations')).toBe(2)
    for (const part of ['--user', 'Ann', ANN, 'Ben', BEN]) expect(line.io.stderr).toContain(part)
    expect(line.methods()).toEqual(['users.list'])
  })

  it.each([
    ['--user, by name', ['--user', 'Ben'], {}],
    ['--user, by DID', ['--user', BEN], {}],
    ['VIVIM_USER', [], { VIVIM_USER: 'Ben' }],
    ['--user before VIVIM_USER', ['--user', 'Ben'], { VIVIM_USER: 'Ann' }],
  ])('takes the one named by %s', async (_, options, env) => {
    const line = new CommandLine({ ...answers, 'users.list': several })
    Object.assign(line.env, env)
    expect(await line.run('conversations', ...options)).toBe(0)
    expect(line.calls).toContainEqual(['auth.login', { did: BEN }])
  })

  it('finds a user on a later page', async () => {
    const line = new CommandLine({
      ...answers,
      'users.list': ({ cursor }) =>
        cursor === 'next'
          ? { items: [userNamed(BEN, 'Ben')], nextCursor: null }
          : { items: [userNamed(ANN, 'Ann')], nextCursor: 'next' },
    })
    expect(await line.run('conversations', '--user', 'Ben')).toBe(0)
    expect(await line.run('conversations')).toBe(2)
  })

  it('says who there is when nobody has the name, or two have it, or there is nobody', async () => {
    const line = new CommandLine({ ...answers, 'users.list': several })
    expect(await line.run('conversations', '--user', 'Eve')).toBe(5)
    line.answers['users.list'] = () => ({
      items: [userNamed(ANN, 'Ann'), userNamed(BEN, 'Ann')],
      nextCursor: null,
    })
    expect(await line.run('conversations', '--user', 'Ann')).toBe(2)
    line.answers['users.list'] = () => EMPTY
    expect(await line.run('conversations')).toBe(5)
    expect(line.io.stderr).toContain('vivimd user create')
  })

  it('is not done for methods that need no session', async () => {
    const line = new CommandLine({ 'node.status': () => STATUS, 'users.list': several })
    expect(await line.run('status')).toBe(0)
    expect(await line.run('call', 'node.status')).toBe(0)
    expect(line.methods()).toEqual(['node.status', 'node.status'])
  })

  describe('with a passphrase', () => {
    let folder: string
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'vivimd-cli-'))
    })
    afterEach(() => rmSync(folder, { recursive: true, force: true }))
    const locked = () =>
      new CommandLine({
        ...answers,
        'users.list': () => ({ items: [userNamed(ANN, 'Ann', false)], nextCursor: null }),
      })
    const given = (line: CommandLine) => line.calls.find(([method]) => method === 'auth.login')?.[1]

    it('takes it from the environment, then the file, then the terminal, hidden', async () => {
      const line = locked()
      line.io.inIsTerminal = true
      line.io.answers.push('typed')
      expect(await line.run('conversations')).toBe(0)
      expect(given(line)).toEqual({ did: ANN, passphrase: 'typed' })
      expect(line.io.asked).toEqual([{ question: 'Passphrase: ', hidden: true }])
      const file = locked()
      writeFileSync(join(folder, 'p'), ' from file \n')
      file.env.VIVIM_PASSPHRASE_FILE = join(folder, 'p')
      expect(await file.run('conversations')).toBe(0)
      expect(given(file)).toEqual({ did: ANN, passphrase: ' from file ' })
      file.env.VIVIM_PASSPHRASE = 'from env'
      file.calls.length = 0
      expect(await file.run('conversations')).toBe(0)
      expect(given(file)).toEqual({ did: ANN, passphrase: 'from env' })
    })

    it('ends with 4 when there is none, or none that can be read', async () => {
      const line = locked()
      expect(await line.run('conversations')).toBe(4)
      expect(line.io.stderr).toContain('VIVIM_PASSPHRASE_FILE')
      line.env.VIVIM_PASSPHRASE_FILE = join(folder, 'missing')
      expect(await line.run('conversations')).toBe(4)
      expect(line.methods()).not.toContain('auth.login')
    })

    it('ends with 130 on Ctrl-C at the question', async () => {
      const line = locked()
      line.io.inIsTerminal = true
      line.io.answers.push(new Interrupted())
      expect(await line.run('conversations')).toBe(130)
    })

    it('never takes it as an option, where others could read it', async () => {
      expect(await locked().run('conversations', '--passphrase', 'x')).toBe(2)
    })
  })
})

describe('where the node is', () => {
  let home: string
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'vivimd-cli-'))
  })
  afterEach(() => rmSync(home, { recursive: true, force: true }))

  it('follows --socket, VIVIM_SOCKET, the file, where.json, the home', async () => {
    const line = new CommandLine({ 'node.status': () => STATUS })
    line.env.VIVIM_HOME = home
    const socket = async (...argv: string[]) => {
      expect(await line.run('status', ...argv), line.io.stderr).toBe(0)
      return line.opened.at(-1)!.socket
    }
    expect(await socket()).toBe(join(home, 'run/vivimd.sock'))
    mkdirSync(join(home, 'run'))
    writeFileSync(join(home, 'run/where.json'), '{"socket":"/w"}')
    expect(await socket()).toBe('/w')
    writeFileSync(join(home, 'config.json'), '{"socket":"/f"}')
    expect(await socket()).toBe('/f')
    line.env.VIVIM_SOCKET = '/e'
    expect(await socket()).toBe('/e')
    expect(await socket('--socket', 'rel')).toBe('/cwd/rel')
    expect(await socket('--timeout', '2.5')).toBe('/e')
    expect(line.opened.at(-1)!.timeoutMs).toBe(2_500)
  })

  it('says what is wrong with the settings, with exit code 2', async () => {
    writeFileSync(join(home, 'config.json'), '{"sokcet":"/f"}')
    const line = new CommandLine()
    expect(await line.run('status', '--home', home)).toBe(2)
    expect(line.io.stderr).toContain('Did you mean socket?')
  })

  it('prints paths as JSON without a node', async () => {
    const line = new CommandLine()
    line.running = false
    expect(await line.run('paths', '--home', home, '--json')).toBe(0)
    expect(line.json).toMatchObject({
      home,
      socket: join(home, 'run/vivimd.sock'),
      users: join(home, 'users'),
      config: join(home, 'config.json'),
      log: join(home, 'log'),
      master: join(home, 'master'),
    })
  })

  it('reads and writes settings in the file while no node runs', async () => {
    const line = new CommandLine()
    line.running = false
    line.env.VIVIM_HOME = home
    expect(await line.run('config', 'set', 'limits.openUsers', '3')).toBe(0)
    expect(await line.run('config', 'get', 'limits.openUsers', '--json')).toBe(0)
    expect(line.json).toMatchObject({ value: 3, origin: 'file' })
    expect(await line.run('config', 'set', 'user', '7')).toBe(0)
    expect(await line.run('config', 'get', 'user', '--json')).toBe(0)
    expect(line.json).toMatchObject({ value: '7' })
    expect(await line.run('config', 'get', 'usr')).toBe(5)
    expect(await line.run('config', '--json')).toBe(0)
    expect((line.json as { items: unknown[] }).items.length).toBeGreaterThan(5)
  })
})
