/** One line of the log, as pino writes it. */
export interface LogLine {
  readonly level: number
  readonly time: number
  readonly subsystem?: string
  readonly msg?: string
  readonly [detail: string]: unknown
}

const LEVEL_NAMES: Readonly<Record<number, string>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
}
const ERROR_LEVEL = 50

/** A line for a terminal: `12:03:04 info  users: opened did=… ms=41`. */
export function plainLine(json: string): string {
  const line = parsed(json)
  if (line === undefined) return json
  const { level, time, subsystem, msg = '', ...details } = line
  const clock = new Date(time).toTimeString().slice(0, 8)
  const rest = Object.entries(details).map(([name, value]) => ` ${name}=${shown(value)}`)
  const from = subsystem === undefined ? '' : `${subsystem}: `
  return `${clock} ${(LEVEL_NAMES[level] ?? String(level)).padEnd(5)} ${from}${msg}${rest.join('')}\n`
}

/** The text of the last error in a log, for whoever started the process that wrote it. */
export function lastError(log: string): string | undefined {
  const lines = log.trimEnd().split('\n').reverse()
  for (const text of lines) {
    const line = parsed(text)
    if (line !== undefined && line.level >= ERROR_LEVEL) return explained(line)
  }
  return lines.find((text) => text.trim() !== '' && parsed(text) === undefined)?.trim()
}

function explained({ msg = '', err }: LogLine): string {
  const { type, code, message, hint } = (err ?? {}) as Record<string, unknown>
  const parts = [msg, message, hint].filter((text) => typeof text === 'string' && text !== '')
  return parts.length > 0 ? [...new Set(parts)].join(' ') : `The log says ${String(code ?? type)}.`
}

function parsed(text: string): LogLine | undefined {
  try {
    const line = JSON.parse(text) as LogLine
    return typeof line?.level === 'number' && typeof line.time === 'number' ? line : undefined
  } catch {
    return undefined
  }
}

function shown(value: unknown): string {
  return typeof value === 'string' && /^[\w.:/@+-]+$/.test(value) ? value : JSON.stringify(value)
}
