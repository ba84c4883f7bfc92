import type { Environment, OptionValues } from './command.ts'
import type { CliIo } from './io.ts'
import type { Style } from './views/style.ts'

/** Prints a result the way the options ask for. */
export function printResult(
  io: CliIo,
  env: Environment,
  options: OptionValues,
  result: object,
  view: (style: Style) => string,
): void {
  if (options.json) io.out(`${JSON.stringify(result)}\n`)
  else if (options.quiet) io.out(idsOf(result))
  else io.out(view(styleOf(io, env)))
}

/** Colours only on a terminal, and not when the person asked for none (no-color.org). */
export function styleOf(io: CliIo, env: Environment): Style {
  const color = io.outIsTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
  return { color, columns: io.outIsTerminal ? io.columns : Number.POSITIVE_INFINITY }
}

const ID_FIELDS = ['id', 'jobId', 'did', 'key', 'conversationId', 'pid'] as const

/** For scripts: what the result is about, one id per line. */
export function idsOf(result: object): string {
  const { items } = result as { items?: unknown }
  const things = Array.isArray(items) ? items : [result]
  return things.map((thing) => idOf(thing as Record<string, unknown>)).join('')
}

function idOf(thing: Record<string, unknown>): string {
  const field = ID_FIELDS.find((name) => thing[name] !== undefined)
  return field === undefined ? '' : `${String(thing[field])}\n`
}
