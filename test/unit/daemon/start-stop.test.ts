import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isRunning } from '../../../daemon/process-start.ts'
import { VIVIMD } from '../../support/repository.ts'

let folder: string
let home: string
let pids: Set<number>
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivimd-start-'))
  home = join(folder, 'home')
  pids = new Set()
})
afterEach(() => {
  for (const pid of pids) if (isRunning(pid, undefined)) process.kill(pid, 'SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const env = (extra: Record<string, string> = {}) => ({
  PATH: process.env.PATH,
  HOME: folder,
  VIVIM_HOME: home,
  XDG_CACHE_HOME: join(folder, 'cache'),
  ...extra,
})

function vivimd(argv: string[], extra: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [VIVIMD, ...argv], {
    cwd: folder,
    env: env(extra),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  return { status, stdout, stderr }
}

function start(...argv: string[]) {
  const { status, stdout, stderr } = vivimd(['start', '--json', ...argv])
  expect(status, stdout + stderr).toBe(0)
  const started = JSON.parse(stdout) as {
    pid: number
    socket: string
    peerId: string
    multiaddrs: string[]
    readyMs: number
  }
  pids.add(started.pid)
  return started
}

const init = () => expect(vivimd(['init', '--no-user', '--non-interactive']).status).toBe(0)

describe('start and stop', () => {
  it('runs one node in the background, again after kill -9, and leaves nothing when it is stopped', async () => {
    expect(vivimd(['start'])).toMatchObject({ status: 5, stderr: expect.stringContaining('`vivimd init`') })
    init()
    const first = start()
    expect(Object.keys(first)).toEqual(['pid', 'socket', 'peerId', 'multiaddrs', 'readyMs'])
    expect(first.socket).toBe(join(home, 'run/vivimd.sock'))
    const again = vivimd(['start'])
    expect(again).toMatchObject({ status: 6, stderr: expect.stringContaining(String(first.pid)) })
    expect(vivimd(['start', '--foreground']).status).toBe(6)
    process.kill(first.pid, 'SIGKILL')
    while (isRunning(first.pid, undefined)) await pause(5)
    expect(vivimd(['status']).status).toBe(3)
    expect(vivimd(['stop']).status).toBe(3)
    const second = start()
    expect(second).toMatchObject({ socket: first.socket, peerId: first.peerId })
    expect(JSON.parse(vivimd(['status', '--json']).stdout)).toMatchObject({ pid: second.pid, home })
    const stopped = vivimd(['stop', '--json'])
    expect([stopped.status, stopped.stderr]).toEqual([0, ''])
    expect(JSON.parse(stopped.stdout)).toMatchObject({ pid: second.pid })
    expect(isRunning(second.pid, undefined)).toBe(false)
    for (const file of ['run/vivimd.sock', 'run/lock.json'])
      expect(existsSync(join(home, file)), file).toBe(false)
    expect(vivimd(['stop', '--json'])).toMatchObject({
      status: 3,
      stdout: expect.stringContaining('"Unavailable"'),
    })
  })

  it('gives the node its options and paths, but no passphrase', () => {
    init()
    const { status, stdout, stderr } = vivimd(
      ['start', '--json', '--socket', 'own.sock', '--log-level', 'debug'],
      {
        USER_DB_DIR: 'people',
        VIVIM_PASSPHRASE: 'canary-pass',
      },
    )
    expect(status, stderr).toBe(0)
    const { pid, socket } = JSON.parse(stdout) as { pid: number; socket: string }
    pids.add(pid)
    expect(socket).toBe(join(folder, 'own.sock'))
    expect(readFileSync(`/proc/${pid}/environ`, 'utf8')).not.toContain('canary-pass')
    // Without --socket, through run/where.json.
    const { items } = JSON.parse(vivimd(['config', 'list', '--json']).stdout) as {
      items: { key: string; value: unknown; origin: string }[]
    }
    const item = (key: string) => items.find((item) => item.key === key)
    expect(item('users.dir')).toMatchObject({ value: join(folder, 'people'), origin: 'environment' })
    expect(item('log.level')).toMatchObject({ value: 'debug', origin: 'flag' })
    expect(vivimd(['stop']).status).toBe(0)
    expect(readFileSync(join(home, 'log/vivimd.log'), 'utf8')).not.toContain('canary-pass')
  })

  it('says why a node could not start', () => {
    init()
    rmSync(join(home, 'users'), { recursive: true })
    writeFileSync(join(home, 'users'), 'in the way')
    const { status, stderr } = vivimd(['start'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/^vivimd: The node did not start\. The log says E\w+\.\n$/)
    rmSync(join(home, 'users'))
    rmSync(join(home, 'run'), { recursive: true })
    mkdirSync(join(home, 'run/vivimd.sock'), { recursive: true })
    const blocked = vivimd(['start'])
    expect(blocked.status).toBe(6)
    expect(blocked.stderr).toContain('no socket')
  })

  it('does not wait for ever for a node that is stuck', () => {
    init()
    const { pid } = start()
    process.kill(pid, 'SIGSTOP')
    const { status, stderr } = vivimd(['stop', '--timeout', '0.5'])
    expect(status).toBe(1)
    expect(stderr).toContain('0.5 s')
    process.kill(pid, 'SIGCONT')
  })

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'in the foreground prints ready, and ends well on %s',
    async (signal) => {
      init()
      const child = spawn(process.execPath, [VIVIMD, 'start', '--foreground'], { cwd: folder, env: env() })
      pids.add(child.pid!)
      let stdout = ''
      child.stdout.on('data', (chunk: Buffer) => {
        stdout += chunk.toString()
        if (stdout.startsWith('ready')) child.kill(signal)
      })
      child.stderr.resume()
      const status = await new Promise((resolve) => child.once('close', resolve))
      expect([status, stdout]).toEqual([
        0,
        `ready: process ${child.pid} at ${join(home, 'run/vivimd.sock')}\n`,
      ])
      expect(existsSync(join(home, 'run/lock.json'))).toBe(false)
    },
  )
})

describe('the command itself', () => {
  it('ends quietly when its reader does', () => {
    const command = `'${process.execPath}' '${VIVIMD}' methods --json | head -c 1; echo " \${PIPESTATUS[0]}"`
    const { stdout, stderr } = spawnSync('bash', ['-c', command], { env: env(), encoding: 'utf8' })
    expect([stdout, stderr]).toEqual(['{ 0\n', ''])
  })

  it('shows its help fast', () => {
    vivimd(['--help'])
    const began = performance.now()
    expect(vivimd(['--help']).stdout).toContain('Usage: vivimd')
    const ms = performance.now() - began
    console.log(`vivimd --help: ${ms.toFixed(0)} ms; the goal is 150`)
    expect(ms).toBeLessThan(1_500)
  })
})
