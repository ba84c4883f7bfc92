import { z } from 'zod'
import { VivimError } from '../schema/errors.ts'
import type { Method } from '../schema/methods/index.ts'
import type { RequestObject } from './envelope.ts'

/** One thing that is wrong with the parameters of a call. */
export interface Problem {
  /** Dotted, empty for the parameters as a whole. */
  readonly field: string
  readonly message: string
}

/** Names and messages hold what the caller sent; nobody needs megabytes of it back. */
const SHOWN_CHARACTERS = 200

/** Parameters as the handler takes them: named, parsed, with defaults; `InvalidParams` with the first problem. */
export function parseParameters(method: Method, params: RequestObject['params']): unknown {
  const parsed = parse(method, params)
  if (!Array.isArray(parsed)) return parsed.value
  const [first] = parsed
  throw new VivimError('InvalidParams', undefined, { field: first?.field || undefined, hint: first?.message })
}

/** Everything that is wrong with them; empty when the call would be accepted. */
export function problemsOf(method: Method, params: RequestObject['params']): readonly Problem[] {
  const parsed = parse(method, params)
  return Array.isArray(parsed) ? parsed : []
}

function parse(method: Method, params: RequestObject['params']): { value: unknown } | Problem[] {
  const named = Array.isArray(params) ? byName(method, params) : (params ?? {})
  if (named === undefined)
    return [{ field: '', message: `This method takes ${positions(method)} by position.` }]
  try {
    const { success, data, error } = method.params.safeParse(named)
    return success ? { value: data } : error.issues.flatMap((issue) => problem(issue, method))
  } catch (error) {
    // Nesting deep enough to exhaust the stack.
    if (error instanceof RangeError) return [{ field: '', message: 'The parameters are nested too deeply.' }]
    throw error
  }
}

/** Positional parameters take the names the method lists, in order. */
function byName(method: Method, params: readonly unknown[]): unknown {
  if (method.params instanceof z.ZodArray) return params
  const names = method.positional ?? []
  if (params.length > names.length) return undefined
  return Object.fromEntries(params.map((value, index) => [names[index], value]))
}

function positions({ positional = [] }: Method): string {
  return positional.length === 0 ? 'no parameters' : `only ${positional.join(', ')}`
}

function problem(issue: z.core.$ZodIssue, method: Method): Problem[] {
  const path = issue.path.map(String)
  if (issue.code !== 'unrecognized_keys') return [{ field: dotted(path), message: shown(issue.message) }]
  const known = path.length === 0 ? knownNames(method) : ''
  return issue.keys.map((key) => ({ field: dotted([...path, key]), message: `Unknown parameter.${known}` }))
}

function knownNames({ params }: Method): string {
  const names = params instanceof z.ZodObject ? Object.keys(params.shape) : []
  return names.length === 0 ? ' This method takes none.' : ` Known: ${names.join(', ')}.`
}

function dotted(path: readonly string[]): string {
  return shown(path.join('.'))
}

function shown(text: string): string {
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
}
