import { nearestName } from '../../../config/nearest-name.ts'
import { VivimError } from '../../../schema/errors.ts'
import { isMethodName, METHODS, type MethodName, methodOf } from '../../../schema/methods/index.ts'
import type { Command, Invocation } from '../command.ts'
import { callRaw, clientFor } from '../method-command.ts'
import { jsonOrText } from '../method-parameters.ts'
import { usage } from '../option-parser.ts'

/** `call METHOD [k=v | k:=json | --params JSON | -]`: prints the raw result whatever `--json` says. */
export const call: Command = {
  usage: 'METHOD [NAME=TEXT | NAME:=JSON]… [-]',
  options: { params: { type: 'text', value: 'JSON', help: 'all parameters as one object' } },
  about:
    'A single - reads the parameters as JSON from standard input. Words without = fill positional parameters.',
  async run(invocation) {
    const [name = '', ...words] = invocation.words
    if (name === '') throw usage('Say which method.', '`vivimd methods` lists them.')
    if (!isMethodName(name)) {
      const near = nearestName(name, Object.keys(METHODS))
      throw usage(
        `There is no method ${JSON.stringify(name)}.`,
        near === undefined ? '`vivimd methods` lists them.' : `Did you mean ${near}?`,
      )
    }
    const params = await readParameters(invocation, words, methodOf(name).positional ?? [])
    const result = await answerOf(name, invocation, params)
    const compact = invocation.options.json || !invocation.io.outIsTerminal
    invocation.io.out(`${JSON.stringify(result, null, compact ? 0 : 2)}\n`)
    return 0
  },
}

/** Signs in where the method asks for it; some ask only once they know what is meant. */
async function answerOf(name: MethodName, invocation: Invocation, params: object): Promise<unknown> {
  try {
    return await callRaw(await clientFor(name, invocation), name, params)
  } catch (error) {
    const mayBeMeant = methodOf(name).session === 'optional'
    if (!mayBeMeant || !(error instanceof VivimError) || error.code !== 'Unauthorized') throw error
    return callRaw(await invocation.signedIn(), name, params)
  }
}

async function readParameters(
  { io, options }: Invocation,
  words: readonly string[],
  positional: readonly string[],
): Promise<Record<string, unknown>> {
  const params: Record<string, unknown> = {}
  if (options.params !== undefined) Object.assign(params, objectOf(String(options.params), '--params'))
  let place = 0
  for (const word of words) {
    if (word === '-') {
      Object.assign(params, objectOf(await io.readInput(), 'Standard input'))
      continue
    }
    const [, name, typed, value = ''] = /^([A-Za-z][\w.]*)(:?)=([\s\S]*)$/.exec(word) ?? []
    if (name === undefined) {
      const next = positional[place++]
      if (next === undefined)
        throw usage(`${JSON.stringify(word)} is not of the form name=text or name:=json.`)
      params[next] = word
    } else params[name] = typed ? json(value, name) : value
  }
  return params
}

function json(text: string, name: string): unknown {
  const value = jsonOrText(text)
  if (value === text) throw usage(`${name}:= needs JSON; ${name}= takes text.`)
  return value
}

function objectOf(text: string, where: string): object {
  const value = jsonOrText(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw usage(`${where} does not hold a JSON object.`)
}
