import { pino } from 'pino'
import type { Settings } from '../config/settings.ts'
import { redacted } from './log-redaction.ts'

export type LogLevel = Settings['log.level']

/** The log of one part of the node. Details never hold keys, tokens or what people wrote: they are taken out. */
export interface Log {
  trace(details: object, message: string): void
  debug(details: object, message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
  error(details: object, message: string): void
  fatal(details: object, message: string): void
  /** The log of a part of the node, named in each of its lines. */
  child(bindings: { subsystem: string }): Log
}

export interface RootLog extends Log {
  /** Of this log and all its children. */
  setLevel(level: LogLevel): void
}

export interface LogOptions {
  readonly level: LogLevel
  /** Takes JSON lines, newline included. */
  readonly write: (line: string) => void
  /** Milliseconds UTC. */
  readonly now: () => number
}

/** A log in pino's JSON lines: `{"level":30,"time":…,"subsystem":"users","ms":41,"msg":"opened"}`. */
export function createLog({ level, write, now }: LogOptions): RootLog {
  const root = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":${now()}`,
      formatters: { log: (details) => redacted(details) },
      // `redacted` describes errors already; pino's own description has their text and stack.
      serializers: { err: (error: unknown) => error },
    },
    { write },
  )
  const loggers = [root]
  const child: Log['child'] = ({ subsystem }) => {
    const logger = root.child({ subsystem })
    loggers.push(logger)
    return logOf(logger, child)
  }
  return {
    ...logOf(root, child),
    setLevel(next) {
      for (const logger of loggers) logger.level = next
    },
  }
}

function logOf(logger: pino.Logger, child: Log['child']): Log {
  return {
    trace: (details, message) => logger.trace(details, message),
    debug: (details, message) => logger.debug(details, message),
    info: (details, message) => logger.info(details, message),
    warn: (details, message) => logger.warn(details, message),
    error: (details, message) => logger.error(details, message),
    fatal: (details, message) => logger.fatal(details, message),
    child,
  }
}
