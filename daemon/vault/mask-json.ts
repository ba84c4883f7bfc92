import type { Part } from '../../schema/capture.ts'

export type Json = NonNullable<Part['metadata']>[string]

/** A JSON value with every text in it masked, names of fields included. */
export function maskJson(value: Json, mask: (text: string) => string): Json {
  if (typeof value === 'string') return mask(value)
  if (Array.isArray(value)) return value.map((item) => maskJson(item, mask))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [mask(name), maskJson(inner, mask)]))
}
