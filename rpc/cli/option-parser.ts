import { nearestName } from '../../config/nearest-name.ts'
import { VivimError } from '../../schema/errors.ts'
import type { OptionSpec, OptionSpecs, OptionValue, OptionValues } from './command.ts'

const SHORT: ReadonlyMap<string, string> = new Map([
  ['-h', '--help'],
  ['-q', '--quiet'],
  ['-V', '--version'],
])

export interface ParsedArguments {
  readonly words: string[]
  readonly options: OptionValues
}

/** Sorts arguments into words and options; behind `--` all are words. @throws VivimError `InvalidParams` */
export function parseArguments(argv: readonly string[], specs: OptionSpecs): ParsedArguments {
  const words: string[] = []
  const options: Record<string, OptionValue> = Object.create(null)
  for (let at = 0; at < argv.length; at++) {
    const argument = SHORT.get(argv[at]!) ?? argv[at]!
    if (argument === '--') {
      words.push(...argv.slice(at + 1))
      break
    }
    if (!isOption(argument)) {
      words.push(argument)
      continue
    }
    const { name, spec, off, inline } = option(argument, specs)
    if (spec.type === 'flag') {
      if (inline !== undefined) throw usage(`--${name} takes no value.`)
      options[name] = !off
      continue
    }
    const value = inline ?? argv[++at]
    if (value === undefined) throw usage(`--${name} needs a value: --${name} ${spec.value ?? 'VALUE'}.`)
    options[name] = readValue(name, spec, value, options[name])
  }
  return { words, options }
}

/**
 * The leading words that can name a command, with their places in `argv`; global options between them are skipped.
 * It ends at the first argument only a command can understand.
 */
export function leadingWords(argv: readonly string[], global: OptionSpecs, count: number): number[] {
  const places: number[] = []
  for (let at = 0; at < argv.length && places.length < count; at++) {
    const argument = SHORT.get(argv[at]!) ?? argv[at]!
    if (argument === '--') break
    if (!isOption(argument)) {
      places.push(at)
      continue
    }
    const [name = ''] = argument.slice(2).split('=', 1)
    const spec = Object.hasOwn(global, name) ? global[name] : undefined
    if (spec === undefined) break
    if (spec.type !== 'flag' && !argument.includes('=')) at++
  }
  return places
}

export function usage(message: string, hint?: string): VivimError {
  return new VivimError('InvalidParams', message, { hint })
}

/** `-` alone means standard input, and `-5` is a number. */
function isOption(argument: string): boolean {
  return argument.startsWith('-') && argument !== '-' && !/^-\d/.test(argument)
}

function option(argument: string, specs: OptionSpecs) {
  const [, given = '', inline] = /^--([^=]*)(?:=([\s\S]*))?$/.exec(argument) ?? []
  const off = !Object.hasOwn(specs, given) && given.startsWith('no-')
  const name = off ? given.slice(3) : given
  const spec = Object.hasOwn(specs, name) ? specs[name] : undefined
  if (spec !== undefined && (!off || spec.type === 'flag')) return { name, spec, off, inline }
  const near = nearestName(given, Object.keys(specs))
  throw usage(
    `There is no option ${argument.split('=', 1)[0]}.`,
    near === undefined ? undefined : `Did you mean --${near}?`,
  )
}

function readValue(
  name: string,
  { type }: OptionSpec,
  value: string,
  before: OptionValue | undefined,
): OptionValue {
  if (type === 'list') return [...((before as readonly string[] | undefined) ?? []), value]
  if (type !== 'number') return value
  const number = Number(value)
  if (value.trim() === '' || !Number.isFinite(number)) throw usage(`--${name} takes a number.`)
  return number
}
