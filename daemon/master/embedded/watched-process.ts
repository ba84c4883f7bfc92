import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Account } from './account.ts'

/**
 * Runs the program given as its arguments and keeps the other end of a pipe to us. A line on it asks the program to
 * stop (SIGINT); its end of file means that we are gone, however that happened: then the program has a second before
 * it is stopped at once (SIGQUIT).
 */
const WATCHDOG = `
exec 3<&0
"$@" </dev/null 3<&- &
p=$!
(while read -r _ <&3; do kill -INT $p; done; kill -INT $p; sleep 1; kill -QUIT $p) >/dev/null 2>&1 &
w=$!
exec 3<&-
wait $p
c=$?
kill $w 2>/dev/null
exit $c`

/** Lines of output kept for the message of a failure. */
const TAIL_LINES = 20
const LAST_LINES_MS = 100

export interface Watched {
  /** The exit code; null when a signal ended the watchdog. */
  readonly exited: Promise<number | null>
  /** The last lines the program wrote. */
  tail(): string
  /** Asks it to stop. */
  interrupt(): void
  /** Lets go: it is stopped within about a second. */
  release(): void
}

/** A program that does not outlive this process. */
export function runWatched(
  { prefix, uid, gid }: Pick<Account, 'prefix' | 'uid' | 'gid'>,
  command: readonly [program: string, ...parameters: string[]],
  onLine: (line: string) => void = () => {},
): Watched {
  const child = spawn('/bin/sh', ['-c', WATCHDOG, 'watchdog', ...prefix, ...command], {
    // Nothing of our environment: it may hold a passphrase, and PG… variables of somebody else's PostgreSQL.
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    cwd: '/',
    // Out of the terminal's group: control-C is for us, and we stop it in order.
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid }),
    ...(gid === undefined ? {} : { gid }),
  })
  const lines: string[] = []
  for (const output of [child.stdout, child.stderr])
    createInterface({ input: output }).on('line', (line) => {
      lines.push(line)
      if (lines.length > TAIL_LINES) lines.shift()
      onLine(line)
    })
  const exited = new Promise<number | null>((resolve) => {
    child.once('error', ({ message }) => {
      lines.push(message)
      resolve(null)
    })
    // The last lines may come after the exit, and somebody it left behind may hold the pipes open.
    child.once('exit', (code) => void setTimeout(resolve, LAST_LINES_MS, code))
    child.once('close', (code) => resolve(code))
  })
  child.stdin.on('error', () => {})
  return {
    exited,
    tail: () => lines.join('\n'),
    interrupt: () => void child.stdin.write('\n'),
    release: () => void child.stdin.end(),
  }
}
