import { VivimError } from '../schema/errors.ts'
import { METHODS, type Method, type Params, type Result } from '../schema/methods/index.ts'
import { discover, errorsOf } from './discover.ts'
import { parametersOf, typeName } from './json-schema.ts'
import { problemsOf } from './parameters.ts'
import type { Handlers } from './types.ts'

type Table = Readonly<Record<string, Method>>

const TABLE = METHODS as unknown as Table

/** The handlers of `rpc.*`: what the method table says about itself. `version` is the program's. */
export function introspectionHandlers(
  version: string,
): Pick<Handlers, 'rpc.discover' | 'rpc.help' | 'rpc.check'> {
  let document: Result<'rpc.discover'> | undefined
  return {
    'rpc.discover': () => {
      document ??= discover(TABLE, version)
      return document
    },
    'rpc.help': (params) => help(TABLE, params),
    'rpc.check': (params) => check(TABLE, params),
  }
}

/** Every method, or the one named. */
export function help(table: Table, { method }: Params<'rpc.help'>): Result<'rpc.help'> {
  const entries: [string, Method][] =
    method === undefined ? Object.entries(table) : [[method, named(table, method)]]
  return { methods: entries.map(([name, entry]) => describe(name, entry)) }
}

/** What is wrong with a call, without running it. */
export function check(table: Table, { method, params }: Params<'rpc.check'>): Result<'rpc.check'> {
  const problems = problemsOf(named(table, method), params)
  return { ok: problems.length === 0, problems: [...problems] }
}

function named(table: Table, name: string): Method {
  const method = Object.hasOwn(table, name) ? table[name] : undefined
  if (method !== undefined) return method
  throw new VivimError('NotFound', 'There is no such method.', {
    field: 'method',
    hint: 'rpc.help lists them all.',
  })
}

function describe(name: string, method: Method): Result<'rpc.help'>['methods'][number] {
  return {
    name,
    summary: method.summary,
    access: method.access,
    params: parametersOf(method).map(({ name: parameter, required, schema }) => ({
      name: parameter,
      type: typeName(schema),
      required,
    })),
    errors: [...errorsOf(method)],
    examples: method.examples.map(({ title, params }) => ({
      title,
      params: params as Record<string, unknown>,
    })),
  }
}
