import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isRunning, startTicks } from '../../process-start.ts'

const POLL_MS = 20
/** How long each way of asking may take. */
const PATIENCE = [
  ['SIGINT', 5_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const

/** What PostgreSQL's `postmaster.pid` says. */
interface Postmaster {
  readonly pid: number
  /** Seconds UTC, as text. */
  readonly startedAt: string | undefined
  /** `ready` once it takes connections. */
  readonly status: string | undefined
}

export function readPostmaster(data: string): Postmaster | undefined {
  try {
    const lines = readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')
    const pid = Number(lines[0])
    return Number.isSafeInteger(pid) && pid > 1
      ? { pid, startedAt: lines[2], status: lines[7]?.trim() }
      : undefined
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
 * Stops a PostgreSQL that outlived the process that had started it. Only the holder of the data-directory lock may
 * call this. Answers whether there was one.
 */
export async function stopLeftover(data: string): Promise<boolean> {
  const found = readPostmaster(data)
  if (!found) return false
  const { pid } = found
  const ticks = startTicks(pid)
  if (ticks === undefined) return false
  if (!servesFolder(pid, data)) {
    // Somebody else has that pid now; PostgreSQL would take them for itself and refuse to start.
    rmSync(join(data, 'postmaster.pid'), { force: true })
    return false
  }
  for (const [signal, patienceMs] of PATIENCE) {
    try {
      process.kill(pid, signal)
    } catch {
      // It went by itself, which the wait will see.
    }
    for (let waited = 0; waited < patienceMs; waited += POLL_MS) {
      if (!isRunning(pid, ticks)) return true
      await delay(POLL_MS)
    }
  }
  return true
}
