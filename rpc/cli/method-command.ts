import { type MethodName, methodOf, type Result } from '../../schema/methods/index.ts'
import type { Client } from '../client/types.ts'
import { problemsOf } from '../parameters.ts'
import type { Command, Invocation, OptionSpecs, OptionValues } from './command.ts'
import { cliParameters, kebab, type ParameterChoices } from './method-parameters.ts'
import { usage } from './option-parser.ts'
import type { Style } from './views/style.ts'

export interface MethodCommandOptions<M extends MethodName> extends ParameterChoices {
  readonly view: (result: Result<M>, style: Style, options: OptionValues) => string
  /** Options of the view alone. */
  readonly viewOptions?: OptionSpecs
  /** The exit code that a result means. */
  readonly exit?: (result: Result<M>) => number
}

/** A command that is one call of a method: its words, options and help come from the method table. */
export function methodCommand<M extends MethodName>(
  method: M,
  { view, viewOptions = {}, exit = () => 0, rest = false }: MethodCommandOptions<M>,
): Command {
  const parameters = cliParameters(method, { rest })
  return {
    usage: parameters.usage,
    options: { ...parameters.options, ...viewOptions },
    about: methodOf(method).summary,
    async run(invocation) {
      const words = await withInput(invocation)
      const params = parameters.read(words, invocation.options, invocation.cwd)
      checkParameters(method, params)
      const result = (await callRaw(await clientFor(method, invocation), method, params)) as Result<M>
      invocation.print(result, (style) => view(result, style, invocation.options))
      return exit(result)
    },
  }
}

/** A client with what the method asks for: a session where it needs one. */
export function clientFor(method: MethodName, invocation: Invocation): Promise<Client> {
  const { access } = methodOf(method)
  return access === 'open' || access === 'owner' ? invocation.client() : invocation.signedIn()
}

/** A call whose parameters were put together at run time; the node checks them again. */
export function callRaw(client: Client, method: MethodName, params: unknown): Promise<unknown> {
  const call = client.call.bind(client) as (method: MethodName, params: unknown) => Promise<unknown>
  return call(method, params)
}

/** @throws VivimError `InvalidParams` before the node is asked, naming options as they are typed */
function checkParameters(method: MethodName, params: Record<string, unknown>): void {
  const [problem] = problemsOf(methodOf(method), params)
  if (problem === undefined) return
  const name = problem.field.split('.')[0] ?? ''
  const positional = methodOf(method).positional?.includes(name) === true
  const shown = positional ? kebab(name).toUpperCase() : `--${kebab(name)}`
  if (params[name] === undefined) throw usage(`${shown} is missing.`, 'Add --help to see how it is used.')
  throw usage(`${shown} is not right.`, problem.message)
}

/** A single `-` stands for what comes on standard input. */
async function withInput({ words, io }: Invocation): Promise<readonly string[]> {
  const at = words.indexOf('-')
  if (at === -1) return words
  return words.with(at, (await io.readInput()).trimEnd())
}
