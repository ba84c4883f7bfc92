import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { acquireDataLock, isHolderAlive, isLockHeld, readLockHolder } from '../../../daemon/lock.ts'
import { isRunning, startTicks } from '../../../daemon/process-start.ts'
import { removeStaleDatabaseLocks } from '../../../daemon/stale-database-locks.ts'

const HOLDER = fileURLToPath(new URL('./lock-holder.ts', import.meta.url))

interface Answer {
  held: boolean
  staleLocks?: number
  code?: string
  message?: string
}

let home: string
let children: ChildProcess[]
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vivimd-lock-'))
  for (const name of ['run', 'users']) mkdirSync(join(home, name))
  children = []
})
afterEach(async () => {
  for (const child of children) await end(child)
  rmSync(home, { recursive: true, force: true })
})

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

function contender(folder = home): Promise<{ child: ChildProcess; answer: Answer }> {
  const child = spawn(process.execPath, [HOLDER, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.stdout!.once('data', (line: Buffer) =>
      resolve({ child, answer: JSON.parse(line.toString()) as Answer }),
    )
  })
}

const options = () => ({
  home,
  run: join(home, 'run'),
  users: join(home, 'users'),
  version: '1',
  startedAt: 5,
})

describe('the lock of a data directory', () => {
  it('is one process’s; the others learn whose; kill -9 frees it', async () => {
    const first = await contender()
    expect(first.answer.held).toBe(true)
    const second = await contender()
    expect(second.answer).toMatchObject({ held: false, code: 'Conflict' })
    expect(second.answer.message).toContain(String(first.child.pid))
    expect(await isLockHeld(home)).toBe(true)
    await expect(acquireDataLock(options())).rejects.toMatchObject({
      hint: expect.stringContaining('vivimd stop'),
    })
    await end(first.child)
    expect(readLockHolder(join(home, 'run'))?.pid).toBe(first.child.pid)
    expect(await isLockHeld(home)).toBe(false)
    const third = await contender()
    expect(third.answer.held).toBe(true)
    expect(readLockHolder(join(home, 'run'))?.pid).toBe(third.child.pid)
  })

  it('goes to exactly one of many who come at once', async () => {
    const answers = (await Promise.all(Array.from({ length: 6 }, () => contender()))).map(
      ({ answer }) => answer,
    )
    expect(answers.filter(({ held }) => held)).toHaveLength(1)
    expect(answers.filter(({ code }) => code === 'Conflict')).toHaveLength(5)
  })

  it('is the same by whichever name the directory is reached', async () => {
    const link = `${home}-link`
    symlinkSync(home, link)
    try {
      await contender()
      expect((await contender(link)).answer).toMatchObject({ held: false, code: 'Conflict' })
    } finally {
      rmSync(link)
    }
  })

  it('says who in lock.json, and leaves nothing when it is released', async () => {
    const lock = await acquireDataLock(options())
    const file = join(home, 'run', 'lock.json')
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      pid: process.pid,
      startedAt: 5,
      startTicks: startTicks(process.pid),
      version: '1',
      home,
    })
    await lock.release()
    expect(existsSync(file)).toBe(false)
    expect(await isLockHeld(home)).toBe(false)
    await (await acquireDataLock(options())).release()
  })

  it('believes lock.json of a living process it cannot see, and no other', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    children.push(child)
    const ticks = startTicks(child.pid!)
    const write = (holder: object) => writeFileSync(join(home, 'run', 'lock.json'), JSON.stringify(holder))
    write({ pid: child.pid, startTicks: ticks, home })
    await expect(acquireDataLock(options())).rejects.toMatchObject({ code: 'Conflict' })
    expect(await isLockHeld(home)).toBe(false)
    write({ pid: child.pid, startTicks: ticks! - 1, home })
    await (await acquireDataLock(options())).release()
    write({ pid: child.pid, home })
    await (await acquireDataLock(options())).release()
    for (const broken of ['', 'null', '{"pid":"1"}', '{"pid":-1}', '[]']) {
      writeFileSync(join(home, 'run', 'lock.json'), broken)
      await (await acquireDataLock(options())).release()
    }
  })

  it('does not take a process that ended for one that runs, reaped or not', async () => {
    const child = spawn(process.execPath, ['-e', ''])
    children.push(child)
    const holder = { pid: child.pid!, startTicks: startTicks(child.pid!)!, startedAt: 0, version: '', home }
    await new Promise((resolve) => child.once('exit', resolve))
    expect(isHolderAlive(holder)).toBe(false)
    expect(isRunning(process.pid, startTicks(process.pid))).toBe(true)
  })
})

describe('folders of killed databases', () => {
  it('go when the lock is won, and nothing else goes', async () => {
    const user = join(home, 'users/ab/abcd')
    mkdirSync(join(user, 'vault.db.lock'), { recursive: true })
    mkdirSync(join(user, 'copy.db.lock'))
    mkdirSync(join(user, 'locker'))
    writeFileSync(join(user, 'vault.db'), 'x')
    writeFileSync(join(user, 'file.lock'), 'x')
    mkdirSync(join(home, 'outside.lock'))
    symlinkSync(join(home, 'outside.lock'), join(user, 'link.lock'))
    const lock = await acquireDataLock(options())
    expect(lock.staleLocks).toBe(2)
    await lock.release()
    for (const kept of ['vault.db', 'file.lock', 'locker', 'link.lock'])
      expect(existsSync(join(user, kept)), kept).toBe(true)
    expect(existsSync(join(user, 'vault.db.lock'))).toBe(false)
    expect(removeStaleDatabaseLocks(join(home, 'nowhere'))).toBe(0)
  })

  it('stay while another process holds the home', async () => {
    await contender()
    mkdirSync(join(home, 'users/ab/abcd/vault.db.lock'), { recursive: true })
    await expect(acquireDataLock(options())).rejects.toMatchObject({ code: 'Conflict' })
    expect(existsSync(join(home, 'users/ab/abcd/vault.db.lock'))).toBe(true)
  })
})
