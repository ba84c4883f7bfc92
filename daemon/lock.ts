import { createHash } from 'node:crypto'
import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { VivimError } from '../schema/errors.ts'
import { isRunning, startTicks } from './process-start.ts'
import { removeStaleDatabaseLocks } from './stale-database-locks.ts'

/** `run/lock.json`: who holds the data directory. */
export interface LockHolder {
  readonly pid: number
  /** Milliseconds UTC. */
  readonly startedAt: number
  /** The kernel's start time of the process; see `startTicks`. */
  readonly startTicks?: number
  readonly version: string
  readonly home: string
}

export interface DataLock {
  /** Folders of killed databases that were removed. */
  readonly staleLocks: number
  release(): Promise<void>
}

export interface LockOptions {
  readonly home: string
  readonly run: string
  readonly users: string
  readonly version: string
  /** When this process started, milliseconds UTC. */
  readonly startedAt: number
}

/**
 * Takes the data directory for this process. Node has no flock: the lock is an abstract Unix socket named by the
 * directory, which the kernel frees whatever way the process ends. `lock.json` is for messages, and for holders in
 * another network namespace, whose abstract sockets are not seen here.
 * @throws VivimError `Conflict` that says who holds it, `Unavailable` on a system without abstract sockets
 */
export async function acquireDataLock(options: LockOptions): Promise<DataLock> {
  const { home, run, users, version, startedAt } = options
  const server = await bindName(lockName(home)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'EADDRINUSE') throw held(readLockHolder(run))
    throw new VivimError('Unavailable', 'This build needs Linux: its lock is an abstract Unix socket.', {
      cause: error,
    })
  })
  const other = readLockHolder(run)
  if (other !== undefined && other.pid !== process.pid && isHolderAlive(other)) {
    await close(server)
    throw held(other)
  }
  const ticks = startTicks('self')
  const holder: LockHolder = {
    pid: process.pid,
    startedAt,
    ...(ticks === undefined ? {} : { startTicks: ticks }),
    version,
    home,
  }
  const file = lockFile(run)
  writeFileSync(file, `${JSON.stringify(holder)}\n`, { mode: 0o600 })
  const staleLocks = removeStaleDatabaseLocks(users)
  return {
    staleLocks,
    async release() {
      rmSync(file, { force: true })
      await close(server)
    },
  }
}

/** Some process holds the lock of this home. */
export function isLockHeld(home: string): Promise<boolean> {
  return new Promise((resolve) => {
    let name: string
    try {
      name = lockName(home)
    } catch {
      resolve(false)
      return
    }
    const probe = connect(name)
    probe.once('error', () => resolve(false))
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
  })
}

/** What `lock.json` says; it may be left from a process that was killed. */
export function readLockHolder(run: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(readFileSync(lockFile(run), 'utf8')) as LockHolder
    return Number.isSafeInteger(holder.pid) && holder.pid > 0 ? holder : undefined
  } catch {
    return undefined
  }
}

/** A file without start ticks is too little to call a process, whose pid may be another's now, the holder. */
export function isHolderAlive({ pid, startTicks }: LockHolder): boolean {
  return startTicks !== undefined && isRunning(pid, startTicks)
}

export function held(holder: LockHolder | undefined): VivimError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`
  const hint = 'Stop it with `vivimd stop`.'
  return new VivimError('Conflict', `This home is in use by ${who}.`, { hint })
}

function lockFile(run: string): string {
  return join(run, 'lock.json')
}

/** A leading zero byte makes it abstract: a name without a file. */
function lockName(home: string): string {
  return `\0vivimd-${createHash('sha256').update(realpathSync(home)).digest('hex').slice(0, 40)}`
}

function bindName(name: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((caller) => caller.destroy())
    server.once('error', reject)
    server.listen({ path: name, exclusive: true }, () => {
      server.unref()
      resolve(server)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()))
}
