import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { catalog } from '../../../rpc/cli/catalog.ts'
import { METHODS } from '../../../schema/methods/index.ts'
import { ANN, CommandLine, userNamed } from './command-line.ts'

const report = (over: object = {}) => ({
  jobId: 'j1',
  state: 'done',
  provider: 'claude',
  total: 3,
  conversations: { created: 3, updated: 0, unchanged: 0, failed: 0 },
  messages: 12,
  units: 40,
  skipped: [],
  errors: [],
  queuedAt: 0,
  finishedAt: 1_500,
  ...over,
})
const partial = report({
  conversations: { created: 2, updated: 0, unchanged: 0, failed: 1 },
  errors: [{ where: 'conversation 2', code: 'Corrupt', message: 'no messages' }],
})

describe('import', () => {
  it('sends an absolute path, waits until indexed, and tells what came of it', async () => {
    const line = new CommandLine({ 'capture.import': () => ({ jobId: 'j1', report: report() }) })
    expect(await line.run('import', 'a.zip')).toBe(0)
    expect(line.calls.at(-1)).toEqual(['capture.import', { path: '/cwd/a.zip', wait: 'indexed' }])
    expect(line.io.stdout).toContain(
      '3 conversations (3 new, 0 updated, 0 unchanged), 12 messages, 40 units in 1.5 s',
    )
    expect(
      await line.run('import', '/b.zip', '--provider', 'x', '--wait', 'queued', '--again', '--json'),
    ).toBe(0)
    expect(line.calls.at(-1)![1]).toEqual({ path: '/b.zip', wait: 'queued', provider: 'x', again: true })
    expect(line.json).toEqual({ jobId: 'j1', report: report() })
  })

  it('ends with 7 when some failed, 1 when the job did', async () => {
    const line = new CommandLine({ 'capture.import': () => ({ jobId: 'j1', report: partial }) })
    expect(await line.run('import', 'a.zip')).toBe(7)
    expect(line.io.stdout).toContain('conversation 2: Corrupt: no messages')
    line.answers['capture.import'] = () => ({ jobId: 'j1', report: report({ state: 'failed' }) })
    expect(await line.run('import', 'a.zip')).toBe(1)
  })

  it('goes on with the next file, and says which was not read', async () => {
    const line = new CommandLine({
      'capture.import': ({ path }) => {
        if (path === '/cwd/b.zip') throw Object.assign(new Error('x'), { code: 'ENOENT' })
        return { jobId: 'j1', report: report() }
      },
    })
    expect(await line.run('import', 'a.zip', 'b.zip', 'c.zip', '--json')).toBe(7)
    expect((line.json as { items: unknown[] }).items).toHaveLength(2)
    expect(line.io.stderr).toMatch(/^b\.zip: vivimd: /)
    expect(await line.run('import', 'b.zip', 'b.zip')).toBe(1)
  })

  it.each([
    ['running', 'goes on'],
    ['cancelled', 'is cancelled'],
  ])('on Ctrl-C stops waiting with 130 and tells the truth about a job that is %s', async (state, says) => {
    const line = new CommandLine({
      'capture.import': (_, { progress }) => {
        progress({ jobId: 'j1', done: 1, stage: 'reading' })
        setImmediate(() => line.io.interrupt())
        return new Promise(() => {})
      },
      'capture.jobs.get': () => report({ state, finishedAt: null }),
    })
    expect(await line.run('import', 'a.zip', 'b.zip')).toBe(130)
    expect(line.io.stderr).toContain(says)
    expect(line.io.stderr).toContain('vivimd jobs get j1')
    expect(line.closed).toBe(1)
  })

  it('draws progress on a terminal only, and takes it away again', async () => {
    const draw = async (terminal: boolean, ...options: string[]) => {
      const line = new CommandLine({
        'capture.import': (_, { progress }) => {
          progress({ jobId: 'j1', done: 1, total: 2, stage: 'reading' })
          progress({ jobId: 'j1', done: 0, total: 0, stage: 'x\u001b[2J' })
          return { jobId: 'j1', report: report() }
        },
      })
      line.io.errIsTerminal = terminal
      await line.run('import', '\u001b]0;evil\u0007.zip', ...options)
      return line.io.stderr
    }
    const drawn = await draw(true)
    expect(drawn).toContain('[==========          ] 1/2 reading')
    expect(drawn).not.toContain('\u001b]0')
    expect(drawn.endsWith('\r\u001b[K')).toBe(true)
    expect(await draw(false)).toBe('')
    expect(await draw(true, '--json')).toBe('')
    expect(await draw(true, '--quiet')).toBe('')
  })
})

describe('users', () => {
  const created = { did: ANN, deviceDid: ANN, recoveryPhrase: Array(24).fill('abandon').join(' ') }

  it('are made without a passphrase where nobody can be asked, and with one where somebody can', async () => {
    const line = new CommandLine({ 'users.create': () => created })
    expect(await line.run('user', 'create', 'Ann', 'Lee')).toBe(0)
    expect(line.calls.at(-1)![1]).toEqual({ displayName: 'Ann Lee', unattended: true })
    expect(line.io.stdout).toContain('24 abandon')
    line.io.inIsTerminal = true
    line.io.answers.push('pass', 'pass')
    expect(await line.run('user', 'create')).toBe(0)
    expect(line.calls.at(-1)![1]).toEqual({ passphrase: 'pass' })
    expect(line.io.asked.every(({ hidden }) => hidden)).toBe(true)
    line.io.answers.push('pass', 'pas')
    expect(await line.run('user', 'create')).toBe(2)
    line.io.answers.push('')
    expect(await line.run('user', 'create')).toBe(0)
    expect(line.calls.at(-1)![1]).toEqual({ unattended: true })
  })

  it('are restored from a phrase on standard input', async () => {
    const line = new CommandLine({ 'users.create': () => created })
    line.io.input = '  one two\n three \n'
    expect(await line.run('user', 'create', '--restore')).toBe(0)
    expect(line.calls.at(-1)![1]).toEqual({ unattended: true, recoveryPhrase: 'one two three' })
  })

  it('are deleted only when that is sure', async () => {
    const line = new CommandLine({ 'users.delete': ({ did }) => ({ did, deleted: true }) })
    expect(await line.run('user', 'delete', 'Ann')).toBe(2)
    expect(line.io.stderr).toContain('--yes')
    line.io.inIsTerminal = true
    line.io.answers.push('ann')
    expect(await line.run('user', 'delete', 'Ann')).toBe(2)
    expect(line.methods()).not.toContain('users.delete')
    line.io.answers.push('Ann')
    expect(await line.run('user', 'delete', 'Ann')).toBe(0)
    expect(await line.run('user', 'delete', ANN, '--yes')).toBe(0)
    expect(line.calls.at(-1)).toEqual(['users.delete', { did: ANN, confirm: ANN }])
  })

  it('are locked by name', async () => {
    const line = new CommandLine({ 'users.lock': ({ did }) => ({ did, locked: true }) })
    expect(await line.run('user', 'lock', 'Ann')).toBe(0)
    expect(line.calls.at(-1)).toEqual(['users.lock', { did: ANN }])
    expect(await line.run('user', 'lock', 'Eve')).toBe(5)
  })
})

describe('call', () => {
  const line = () => new CommandLine({ 'search.query': () => ({ items: [], weak: true }) })

  it.each([
    [['query=green tea'], { query: 'green tea' }],
    [['query=a=b'], { query: 'a=b' }],
    [['query=7', 'limit:=7', 'kinds:=["unit"]'], { query: '7', limit: 7, kinds: ['unit'] }],
    [['tea'], { query: 'tea' }],
    [['--params', '{"query":"tea","limit":3}', 'limit:=4'], { query: 'tea', limit: 4 }],
    [['-'], { query: 'from input' }],
    [['query:="7"'], { query: '7' }],
  ])('%j', async (argv, params) => {
    const cli = line()
    cli.io.input = '{"query": "from input"}'
    expect(await cli.run('call', 'search.query', ...argv), cli.io.stderr).toBe(0)
    expect(cli.calls.at(-1)).toEqual(['search.query', params])
    expect(cli.json).toEqual({ items: [], weak: true })
  })

  it('prints the raw result, also with --quiet', async () => {
    const cli = line()
    expect(await cli.run('call', 'search.query', 'query=x', '--quiet')).toBe(0)
    expect(cli.io.stdout).toBe('{"items":[],"weak":true}\n')
  })
})

describe('help', () => {
  it('of the whole names every command, and each explains itself', async () => {
    const line = new CommandLine()
    for (const argv of [[], ['--help'], ['-h']]) {
      expect(await line.run(...argv)).toBe(0)
      for (const command of ['init', 'start', 'import', 'conversations delete', 'completion'])
        expect(line.io.stdout).toContain(command)
    }
    const fail = async () => ({ usage: '', options: {}, run: async () => 0 })
    for (const { name } of catalog({ init: fail, start: fail, stop: fail })) {
      if (['init', 'start', 'stop'].includes(name)) continue
      expect(await line.run(...name.split(' '), '--help'), name).toBe(0)
      expect(line.io.stdout, name).toMatch(new RegExp(`^Usage: vivimd ${name}`))
      if (name !== 'help') expect(await line.run('help', ...name.split(' ')), name).toBe(0)
    }
    expect(line.calls).toEqual([])
  })

  it('of methods comes from the table, without a node', async () => {
    const line = new CommandLine()
    line.running = false
    expect(await line.run('methods', '--json')).toBe(0)
    const { methods } = line.json as { methods: { name: string }[] }
    expect(methods.map(({ name }) => name)).toEqual(Object.keys(METHODS))
    expect(await line.run('help', 'search.query')).toBe(0)
    expect(line.io.stdout).toContain('vivimd call search.query --params \'{"query":"green tea"}\'')
    expect(await line.run('help', 'nothing.here')).toBe(5)
  })

  it('tells the version', async () => {
    const line = new CommandLine()
    expect(await line.run('--version')).toBe(0)
    expect(line.io.stdout).toBe('vivimd 1.2.3\n')
    expect(await line.run('--version', '--json')).toBe(0)
    expect(line.json).toEqual({ version: '1.2.3' })
  })
})

describe('what is printed', () => {
  it('is JSON, ids for scripts, or a view; colours only on a terminal', async () => {
    const line = new CommandLine({
      'users.list': () => ({ items: [userNamed(ANN, 'Ann')], nextCursor: null }),
    })
    await line.run('user', 'list', '--quiet')
    expect(line.io.stdout).toBe(`${ANN}\n`)
    await line.run('user', 'list')
    expect(line.io.stdout).not.toContain('\u001b')
    line.io.outIsTerminal = true
    line.io.columns = 200
    await line.run('user', 'list')
    expect(line.io.stdout).toContain('\u001b[1m')
    line.env.NO_COLOR = '1'
    await line.run('user', 'list')
    expect(line.io.stdout).not.toContain('\u001b')
  })
})

describe('completion', () => {
  const shells = ['bash', 'zsh', 'fish'] as const
  const there = (shell: string) => spawnSync(shell, ['-c', ':']).status === 0

  it.each(shells)(
    'the script for %s is read by that shell, and names commands, options and methods',
    async (shell) => {
      const line = new CommandLine()
      const fail = async () => ({ usage: '', options: {}, run: async () => 0 })
      const { completion } = await import('../../../rpc/cli/commands/completion.ts')
      const command = completion(catalog({ init: fail, start: fail, stop: fail }))
      await command.run({ words: [shell], io: line.io } as never)
      for (const word of ['conversations', 'unarchive', 'max-tokens', 'capture.jobs.resume'])
        expect(line.io.stdout).toContain(word)
      if (!there(shell)) return
      const { status, stderr } = spawnSync(shell, ['-n'], { input: line.io.stdout, encoding: 'utf8' })
      expect([status, stderr]).toEqual([0, ''])
    },
  )

  it('bash really completes', async () => {
    const line = new CommandLine()
    const fail = async () => ({ usage: '', options: {}, run: async () => 0 })
    const { completion } = await import('../../../rpc/cli/commands/completion.ts')
    await completion(catalog({ init: fail, start: fail, stop: fail })).run({
      words: ['bash'],
      io: line.io,
    } as never)
    const complete = (...words: string[]) => {
      const quoted = words.map((word) => `'${word}'`).join(' ')
      const script = `${line.io.stdout}\nCOMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}; _vivimd; printf '%s\\n' "\${COMPREPLY[@]}"`
      return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split('\n')
    }
    expect(complete('vivimd', 'stat')).toEqual(['status'])
    expect(complete('vivimd', 'conversations', 'una')).toEqual(['unarchive'])
    expect(complete('vivimd', 'context', '--max-t')).toEqual(['--max-tokens'])
    expect(complete('vivimd', 'conversations', 'delete', '--er')).toEqual(['--erase'])
    expect(complete('vivimd', 'call', 'capture.jobs.r')).toEqual(['capture.jobs.resume'])
    expect(complete('vivimd', 'status', '--ho')).toEqual(['--home'])
  })
})
