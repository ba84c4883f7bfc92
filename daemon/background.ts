import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../config/config.ts'
import type { Paths } from '../config/paths.ts'
import type { Invocation } from '../rpc/cli/command.ts'
import { CliFailure } from '../rpc/cli/failure.ts'
import { connect } from '../rpc/client/index.ts'
import { VivimError } from '../schema/errors.ts'
import type { Result } from '../schema/methods/index.ts'
import { LOG_FILE } from './foreground.ts'
import { lastError } from './log-lines.ts'
import type { StartOptions } from './start-options.ts'

export interface BackgroundOptions extends StartOptions {
  readonly invocation: Invocation
  readonly config: Config
  readonly paths: Paths
  /** Settings given as options; the node gets them too. */
  readonly flags: Readonly<Record<string, string>>
}

const WAIT_SECONDS = 15
const POLL_MS = 20

/** Starts the node as a process of its own and returns when its socket answers. */
export async function startInBackground(options: BackgroundOptions): Promise<number> {
  const { invocation, config, paths } = options
  mkdirSync(paths.log, { recursive: true, mode: 0o700 })
  const logFile = join(paths.log, LOG_FILE)
  const logged = sizeOf(logFile)
  const child = spawnNode(options, logFile)
  const seconds = (invocation.options.wait as number | undefined) ?? WAIT_SECONDS
  const status = await untilReady(child, paths.socket, performance.now() + seconds * 1_000, () =>
    died(child, readFrom(logFile, logged)),
  )
  child.unref()
  if (status === undefined) {
    const hint = 'It goes on starting: `vivimd status` tells when it is.'
    throw new VivimError('Unavailable', `The node was not ready within ${seconds} s.`, { hint })
  }
  const { pid, socket, peerId, multiaddrs, readyMs } = status
  const result = { pid, socket, peerId, multiaddrs, readyMs }
  for (const warning of config.warnings) invocation.note(`Warning: ${warning}`)
  invocation.print(result, () => `Started: process ${pid}, ready in ${Math.round(readyMs)} ms.\n`)
  return 0
}

function spawnNode(
  { program, paths, flags, invocation, config }: BackgroundOptions,
  logFile: string,
): ChildProcess {
  // Paths were made absolute here; the node itself keeps no other folder busy than its home.
  const users = config.get('users.dir')
  const socket = config.get('socket')
  const given = Object.entries({ ...flags, ...(socket.value === null ? {} : { socket: paths.socket }) })
  const { VIVIM_PASSPHRASE: _, VIVIMD_RUNTIME_FOUND: __, ...env } = invocation.env
  const output = openSync(logFile, 'a', 0o600)
  try {
    return spawn(
      process.execPath,
      [
        program,
        ...['start', '--foreground', '--detached', '--home', paths.home],
        ...given.flatMap(([name, value]) => [`--${name}`, value]),
      ],
      {
        cwd: paths.home,
        detached: true,
        stdio: ['ignore', output, output],
        env: {
          ...env,
          ...(users.origin === 'environment' ? { USER_DB_DIR: paths.users } : {}),
        },
      },
    )
  } finally {
    closeSync(output)
  }
}

/** The status of the node once it is this child that answers; undefined when the time is over. */
async function untilReady(
  child: ChildProcess,
  socket: string,
  deadline: number,
  ended: () => Error,
): Promise<Result<'node.status'> | undefined> {
  let gone = false
  child.once('exit', () => (gone = true))
  child.once('error', () => (gone = true))
  while (performance.now() < deadline) {
    if (gone) throw ended()
    const status = await statusAt(socket, deadline - performance.now())
    if (status?.pid === child.pid) return status
    await pause(POLL_MS)
  }
  return undefined
}

async function statusAt(socket: string, timeoutMs: number): Promise<Result<'node.status'> | undefined> {
  try {
    const client = await connect({ socket, timeoutMs: Math.max(1, timeoutMs) })
    try {
      return await client.call('node.status')
    } finally {
      await client.close()
    }
  } catch (error) {
    if (error instanceof VivimError && error.code === 'Unavailable') return undefined
    throw error
  }
}

function died({ exitCode, signalCode }: ChildProcess, log: string): Error {
  const reason = lastError(log) ?? `It ended with ${exitCode ?? signalCode ?? 'an error'}.`
  return new CliFailure(exitCode || 1, new VivimError('Unavailable', `The node did not start. ${reason}`))
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0
}

function readFrom(file: string, offset: number): string {
  try {
    const bytes = readFileSync(file)
    return bytes.subarray(bytes.length >= offset ? offset : 0).toString('utf8')
  } catch {
    return ''
  }
}
