import type { Client } from '../../rpc/client/index.ts'
import { METHODS, type MethodName, methodOf } from '../../schema/methods/index.ts'

/** Calls a method by its name, whatever it is. */
export const raw = (client: Client) =>
  client.call.bind(client) as (method: string, params: unknown) => Promise<unknown>

/** Every method with its own examples, `$`-words replaced by these ids; those without one get `{}`. */
export function methodExamples(
  ids: Readonly<Record<string, string>>,
): [method: MethodName, params: Record<string, unknown>][] {
  const filled = (value: unknown): unknown => {
    if (typeof value === 'string') return ids[value] ?? value
    if (Array.isArray(value)) return value.map(filled)
    if (value !== null && typeof value === 'object')
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]))
    return value
  }
  return (Object.keys(METHODS) as MethodName[]).flatMap((method) => {
    const { examples } = methodOf(method)
    const params = examples.length > 0 ? examples.map((example) => example.params) : [{}]
    return params.map((one): [MethodName, Record<string, unknown>] => [
      method,
      filled(one) as Record<string, unknown>,
    ])
  })
}
