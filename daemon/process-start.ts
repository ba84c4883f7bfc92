import { readFileSync } from 'node:fs'

/**
 * When a process started, in the kernel's ticks since boot; undefined when there is no such process or the system
 * does not tell. With the pid it names a process for good: pids come back.
 */
export function startTicks(pid: number | 'self'): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold anything; the 22nd field is the 20th behind it.
    const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
    return Number.isSafeInteger(ticks) ? ticks : undefined
  } catch {
    return undefined
  }
}

/** The same process still runs. */
export function isRunning(pid: number, ticks: number | undefined): boolean {
  const now = startTicks(pid)
  return now !== undefined && (ticks === undefined || now === ticks)
}
