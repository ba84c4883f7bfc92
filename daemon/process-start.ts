import { readFileSync } from 'node:fs'

/**
 * When a process started, in the kernel's ticks since boot; undefined when there is no such process or the system
 * does not tell. With the pid it names a process for good: pids come back.
 */
export function startTicks(pid: number | 'self'): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name, in parentheses, may hold anything; what follows begins with the third field, the state.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    // A zombie has ended, whether or not its parent ever asks.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    const ticks = Number(fields[19])
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
