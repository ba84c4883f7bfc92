import { isAbsolute, resolve } from 'node:path'
import type { MethodName } from '../../schema/methods/index.ts'
import { methodOf } from '../../schema/methods/index.ts'
import { type JsonSchema, type Parameter, parametersOf, typeName } from '../json-schema.ts'
import type { OptionSpec, OptionSpecs, OptionValue, OptionValues } from './command.ts'
import { usage } from './option-parser.ts'

/** Parameters in milliseconds that a person gives as a date. */
const DATES: ReadonlySet<string> = new Set(['from', 'to'])

/** A method's parameters as the command line takes them. */
export interface CliParameters {
  /** `ID TITLE`, `[CONVERSATION-ID]`. */
  readonly usage: string
  readonly options: OptionSpecs
  /** @throws VivimError `InvalidParams` */
  read(words: readonly string[], options: OptionValues, cwd: string): Record<string, unknown>
}

export interface ParameterChoices {
  /** The last word by position takes all the words behind it: a query, a title. */
  readonly rest?: boolean
}

export function cliParameters(method: MethodName, { rest = false }: ParameterChoices = {}): CliParameters {
  const definition = methodOf(method)
  const parameters = new Map(parametersOf(definition).map((parameter) => [parameter.name, parameter]))
  const positional = (definition.positional ?? []).flatMap((name) => parameters.get(name) ?? [])
  const byOption = new Map([...parameters.values()].map((parameter) => [kebab(parameter.name), parameter]))
  return {
    usage: positional
      .map((parameter, at) => shown(parameter, rest && at === positional.length - 1))
      .join(' '),
    options: Object.fromEntries([...byOption].map(([name, parameter]) => [name, optionOf(parameter)])),
    read(words, options, cwd) {
      const given = rest ? joined(words, positional.length) : words
      if (given.length > positional.length)
        throw usage(`${JSON.stringify(given.at(-1))} is one word too many.`)
      const values: Record<string, unknown> = {}
      for (const [name, parameter] of byOption) {
        const value = options[name]
        if (value !== undefined) values[parameter.name] = converted(parameter, value, cwd)
      }
      given.forEach((word, at) => {
        const parameter = positional[at]!
        values[parameter.name] = converted(parameter, word, cwd)
      })
      return values
    },
  }
}

export function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function shown({ name, required }: Parameter, rest: boolean): string {
  const word = kebab(name).toUpperCase() + (rest ? '…' : '')
  return required ? word : `[${word}]`
}

function joined(words: readonly string[], count: number): string[] {
  if (words.length <= count) return [...words]
  return [...words.slice(0, count - 1), words.slice(count - 1).join(' ')]
}

function optionOf({ name, schema, required }: Parameter): OptionSpec {
  const type = optionType(name, schema)
  const fallback = schema.default === undefined ? '' : `; default ${JSON.stringify(schema.default)}`
  const kind = DATES.has(name) ? 'date' : typeName(schema)
  const help = `${kind}${required ? ', needed' : fallback}`
  return type === 'flag' ? { type, help } : { type, value: valueName(name, type), help }
}

function optionType(name: string, { type }: JsonSchema): OptionSpec['type'] {
  if (DATES.has(name)) return 'text'
  if (type === 'boolean') return 'flag'
  if (type === 'integer' || type === 'number') return 'number'
  return type === 'array' ? 'list' : 'text'
}

function valueName(name: string, type: OptionSpec['type']): string {
  if (type === 'number') return 'N'
  return DATES.has(name) ? 'DATE' : kebab(name).toUpperCase()
}

function converted({ name, schema }: Parameter, value: OptionValue, cwd: string): unknown {
  if (typeof value !== 'string') return value
  if (DATES.has(name)) return dateOf(name, value)
  if (name === 'path') return isAbsolute(value) ? value : resolve(cwd, value)
  if (schema.type === 'string' || schema.enum !== undefined) return value
  if (schema.type === 'array') return [value]
  return jsonOrText(value)
}

function dateOf(name: string, text: string): number {
  const millis = /^\d{5,}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(millis)) throw usage(`--${name} takes a date such as 2026-01-31.`)
  return millis
}

export function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
