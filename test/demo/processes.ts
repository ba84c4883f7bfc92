import { existsSync, readdirSync, readFileSync } from 'node:fs'

/** Processes whose environment or command line names the home; Linux tells, elsewhere the list is empty. */
export function processesOf(home: string): number[] {
  if (!existsSync('/proc/self/environ')) return []
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) =>
      ['environ', 'cmdline'].some((file) => readQuietly(`/proc/${pid}/${file}`).includes(home)),
    )
    .map(Number)
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Asks it to end, and does not take no for an answer. */
export async function end(pid: number): Promise<void> {
  try {
    process.kill(pid, 'SIGTERM')
    for (let waited = 0; waited < 5_000 && isAlive(pid); waited += 50) await pause(50)
    if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  } catch {}
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

export function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
