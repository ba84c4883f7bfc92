export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The text, unless it is empty or no text. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

export function list(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value : []
}

export function objects(value: unknown): JsonObject[] {
  return list(value).filter(isObject)
}

/** Text no longer than the canonical form takes: cut, never refused. */
export function shortText(value: unknown, max: number): string | undefined {
  return text(value)?.slice(0, max)
}

/** The fields that say something: null, undefined, empty text and empty lists are left out; undefined if none is left. */
export function stated(fields: Record<string, Json | undefined>): Record<string, Json> | undefined {
  const kept = Object.entries(fields).filter((field): field is [string, Json] => {
    const [, value] = field
    return (
      value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0)
    )
  })
  return kept.length === 0 ? undefined : Object.fromEntries(kept)
}

/** The fields without those that are undefined, for the exact optional properties of the canonical form. */
export function definedFields<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never
}
