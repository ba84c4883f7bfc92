import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { Paths } from '../config/paths.ts'
import type { Invocation } from '../rpc/cli/command.ts'
import { keepListenAddress } from './listen-address.ts'
import { createLog, type RootLog } from './log.ts'
import { LogFile } from './log-file.ts'
import { plainLine } from './log-lines.ts'
import { handleSignals } from './signals.ts'
import type { StartOptions } from './start-options.ts'

export interface ForegroundOptions extends StartOptions {
  readonly invocation: Invocation
  readonly config: Config
  readonly paths: Paths
  readonly peerId: string
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const
/** After an orderly stop nothing should keep the process; if something does, it ends anyway. */
const LINGER_MS = 3_000

export const LOG_FILE = 'vivimd.log'

/** Runs the node in this process until a signal, a call of `node.shutdown` or a fault ends it. */
export async function runInForeground(options: ForegroundOptions): Promise<number> {
  const { invocation, config, paths, peerId, version, startedAt, startedMonotonic } = options
  const log = openLog(options)
  for (const warning of config.warnings) log.warn({}, warning)
  config.onChange((key) => {
    if (key === 'log.level') log.setLevel(config.value('log.level'))
  })
  const ending = Promise.withResolvers<string>()
  let faults = 0
  const fault = (err: unknown) => {
    faults++
    log.fatal({ err }, 'a fault nobody caught')
    ending.resolve('a fault')
  }
  process.on('uncaughtException', fault)
  const ignoreSignals = handleSignals({
    stop: (signal) => ending.resolve(signal),
    force: (signal) => {
      log.error({ signal }, 'forced to end before everything had stopped')
      process.exit(128 + SIGNAL_NUMBERS[signal])
    },
  })
  try {
    await keepListenAddress(config)
    const { runNode } = await import('./node.ts')
    const node = await runNode({
      config,
      paths,
      env: invocation.env,
      log,
      version,
      peerId,
      startedAt,
      startedMonotonic,
      onShutdown: (reason) => ending.resolve(reason),
    })
    log.info({ readyMs: node.readyMs }, 'ready')
    if (!invocation.options.detached) invocation.io.out(`ready: process ${process.pid} at ${node.socket}\n`)
    const reason = await ending.promise
    log.info({ reason }, 'stopping')
    const { hung } = await node.stop(reason)
    setTimeout(() => {
      log.warn({}, 'something kept the process from ending')
      process.exit(faults > 0 ? 1 : 0)
    }, LINGER_MS).unref()
    if (hung.length > 0) process.exit(1)
    return faults > 0 ? 1 : 0
  } catch (err) {
    if (invocation.options.detached) log.error({ err }, '')
    throw err
  } finally {
    ignoreSignals()
    process.off('uncaughtException', fault)
  }
}

function openLog({ invocation, config, paths }: ForegroundOptions): RootLog {
  const level = config.value('log.level')
  if (!invocation.options.detached)
    return createLog({ level, now: Date.now, write: (line) => invocation.io.err(plainLine(line)) })
  mkdirSync(paths.log, { recursive: true, mode: 0o700 })
  const file = new LogFile(join(paths.log, LOG_FILE))
  return createLog({ level, now: Date.now, write: (line) => file.write(line) })
}
