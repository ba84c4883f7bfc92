import { z } from 'zod'
import type { Method } from '../schema/methods/index.ts'

export type JsonSchema = Record<string, unknown>

/** One named parameter of a method. */
export interface Parameter {
  readonly name: string
  readonly required: boolean
  readonly schema: JsonSchema
}

/**
 * A zod schema as JSON Schema draft 7, the dialect of OpenRPC 1.3. Results are read as input too: their objects stay
 * open, since fields may be added to a result later.
 */
export function jsonSchemaOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
  })
  return rest
}

/** The parameters of a method in the order they are documented: positional ones first. */
export function parametersOf({ params, positional = [] }: Method): readonly Parameter[] {
  if (!(params instanceof z.ZodObject)) return []
  const shape: Readonly<Record<string, z.ZodType>> = params.shape
  const names = [...new Set([...positional, ...Object.keys(shape)])]
  return names.flatMap((name) => {
    const schema = shape[name]
    if (schema === undefined) return []
    return [{ name, required: !schema.isOptional(), schema: jsonSchemaOf(schema) }]
  })
}

/** A schema as a person would write the type: `string`, `"a" | "b"`, `array of string`. */
export function typeName(schema: JsonSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  const choices = schema.anyOf ?? schema.oneOf
  if (Array.isArray(choices)) return [...new Set(choices.map(typeName))].join(' | ')
  const type = schema.type
  if (type === 'array') return `array of ${typeName((schema.items ?? {}) as JsonSchema)}`
  if (Array.isArray(type)) return type.join(' | ')
  return typeof type === 'string' ? type : 'any'
}

/**
 * Moves the definitions of a schema to `components`, since references in an OpenRPC document start at its root.
 * `name` makes them unique there.
 */
export function hoistDefinitions(
  schema: JsonSchema,
  name: string,
  components: Record<string, JsonSchema>,
): JsonSchema {
  const { definitions, ...rest } = schema
  const target = (key: string) => `${name}.${key}`
  const moved = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(moved)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => [key, key === '$ref' ? ref(inner) : moved(inner)]),
    )
  }
  const ref = (value: unknown) => {
    const text = String(value)
    return text === '#'
      ? `#/components/schemas/${target('root')}`
      : text.replace('#/definitions/', `#/components/schemas/${target('')}`)
  }
  for (const [key, inner] of Object.entries((definitions ?? {}) as Record<string, JsonSchema>)) {
    components[target(key)] = moved(inner) as JsonSchema
  }
  const result = moved(rest) as JsonSchema
  if (JSON.stringify(rest).includes('"$ref":"#"')) components[target('root')] = result
  return result
}
