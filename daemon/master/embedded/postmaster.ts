import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, startTicks } from '../../process-start.ts'
import { noPostgres } from './binaries.ts'

const POLL_MS = 20
const WORKERS_MS = 5_000
/** How long each way of asking may take. */
const PATIENCE = [
  ['SIGINT', 5_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const

/** What PostgreSQL's `postmaster.pid` says. */
interface Postmaster {
  readonly pid: number
  /** `ready` once it takes connections. */
  readonly status: string | undefined
}

export function readPostmaster(data: string): Postmaster | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    return Number.isSafeInteger(pid) && pid > 1 ? { pid, status: lines[7]?.trim() } : undefined
  } catch {
    return undefined
  }
}

/** Pids come back: only a process that was given this data folder is its PostgreSQL. */
export function servesFolder(pid: number, data: string): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return words[words.indexOf('-D') + 1] === data
  } catch {
    return false
  }
}

/**
 * Stops a PostgreSQL that outlived the process that had started it, and clears away what one that was killed left. Only
 * the holder of the data-directory lock may call this. Answers whether there was one to stop.
 * @throws VivimError `Unavailable` when its workers go on writing
 */
export async function stopLeftover(data: string): Promise<boolean> {
  const found = readPostmaster(data)
  if (!found) return false
  const ticks = startTicks(found.pid)
  const runs = ticks !== undefined && servesFolder(found.pid, data)
  if (runs) await stop(found.pid, ticks)
  // They notice that it is gone; until then they may write.
  if (!(await until(() => !hasWorkers(data), WORKERS_MS)))
    throw noPostgres('an earlier one is still at work.')
  // Its pid is free, or that of somebody else, or of a zombie that nobody asks for. PostgreSQL takes the last two for
  // itself and refuses to start.
  rmSync(join(data, 'postmaster.pid'), { force: true })
  return runs
}

async function stop(pid: number, ticks: number): Promise<void> {
  for (const [signal, patienceMs] of PATIENCE) {
    try {
      process.kill(pid, signal)
    } catch {
      // It went by itself, which the wait will see.
    }
    if (await until(() => !isRunning(pid, ticks), patienceMs)) return
  }
}

/** Each works in the data folder. */
function hasWorkers(data: string): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      return readlinkSync(`/proc/${name}/cwd`) === data
    } catch {
      return false
    }
  })
}

async function until(is: () => boolean, patienceMs: number): Promise<boolean> {
  for (let waited = 0; waited < patienceMs; waited += POLL_MS) {
    if (is()) return true
    await delay(POLL_MS)
  }
  return is()
}
