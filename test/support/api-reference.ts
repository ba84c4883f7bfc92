import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorsOf } from '../../rpc/discover.ts'
import { type JsonSchema, jsonSchemaOf } from '../../rpc/json-schema.ts'
import { ERROR_CODES, type ErrorCode } from '../../schema/errors.ts'
import { METHODS, type MethodName, methodOf } from '../../schema/methods/index.ts'
import { REPOSITORY } from './repository.ts'

const INTRODUCTION = `# API

Generated from the method table in \`schema/methods/\` by \`node test/support/api-reference.ts\`; do not edit.

One JSON-RPC 2.0 request per line on the node's Unix socket, UTF-8; \`vivimd paths --json\` says where it is. Every result
is an object. Lists take \`limit\` and \`cursor\` and answer \`{items, nextCursor}\`. Times are integer milliseconds UTC.
From the command line: \`vivimd call METHOD name=value name:=json\`.

Access: **open** needs nothing; **owner** needs the node owner's socket; **read**, **write** and **admin** need a session
of a user (\`auth.login\`) with that scope, and reach that user's data only.
`

/** The whole reference as Markdown. */
export function apiReference(): string {
  const names = Object.keys(METHODS) as MethodName[]
  const namespaces = [...new Set(names.map((name) => name.slice(0, name.indexOf('.'))))]
  const chapters = namespaces.map((namespace) =>
    [`## ${namespace}`, ...names.filter((name) => name.startsWith(`${namespace}.`)).map(section)].join(
      '\n\n',
    ),
  )
  return `${[INTRODUCTION.trimEnd(), ...chapters, errorList()].join('\n\n')}\n`
}

function section(name: MethodName): string {
  const method = methodOf(name)
  const examples = method.examples.map(
    ({ title, params }) => `${title}:\n\n\`\`\`text\n${JSON.stringify({ method: name, params })}\n\`\`\``,
  )
  return [
    `### ${name}`,
    method.summary,
    `Access: **${method.access}**. Errors: ${errorsOf(method).map(codeText).join(', ')}.`,
    `Parameters:\n\n\`\`\`text\n${typeText(jsonSchemaOf(method.params))}\n\`\`\``,
    `Result:\n\n\`\`\`text\n${typeText(jsonSchemaOf(method.result))}\n\`\`\``,
    ...examples,
  ].join('\n\n')
}

function codeText(code: ErrorCode): string {
  return `\`${code}\``
}

function errorList(): string {
  const rows = Object.entries(ERROR_CODES).map(
    ([code, { number, exit, message }]) => `- \`${code}\`, ${number}, exit code ${exit}: ${message}`,
  )
  return [
    '## Errors',
    '`error.data` is `{code, field?, hint?, retryAfterMs?}`: never a stack, never a path.',
    rows.join('\n'),
  ].join('\n\n')
}

/** A JSON Schema in the notation of TypeScript; ranges and lengths as comments are left out. */
export function typeText(schema: JsonSchema, indent = ''): string {
  const choices = schema.anyOf ?? schema.oneOf
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (Array.isArray(choices))
    return [...new Set(choices.map((choice) => typeText(choice, indent)))].join(' | ')
  if (typeof schema.$ref === 'string') return 'JSON'
  if (schema.type === 'array') return arrayText((schema.items ?? {}) as JsonSchema, indent)
  if (schema.type === 'object') return objectText(schema, indent)
  if (schema.type === 'integer') return 'integer'
  if (Array.isArray(schema.type))
    return schema.type.map((type) => typeText({ ...schema, type }, indent)).join(' | ')
  return typeof schema.type === 'string' ? schema.type : 'JSON'
}

function arrayText(items: JsonSchema, indent: string): string {
  const text = typeText(items, indent)
  return text.includes(' | ') && !text.startsWith('{') ? `(${text})[]` : `${text}[]`
}

function objectText(schema: JsonSchema, indent: string): string {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
  const required = new Set((schema.required ?? []) as string[])
  const values = schema.additionalProperties
  if (properties.length === 0)
    return typeof values === 'object' ? `Record<string, ${typeText(values as JsonSchema, indent)}>` : '{}'
  const inner = `${indent}  `
  const lines = properties.map(([name, property]) => {
    const standard = property.default === undefined ? '' : `  // default ${JSON.stringify(property.default)}`
    return `${inner}${name}${required.has(name) ? '' : '?'}: ${typeText(property, inner)}${standard}`
  })
  const line = `{ ${lines.map((each) => each.trim()).join(', ')} }`
  if (!line.includes('\n') && !line.includes('//') && indent.length + line.length < 100) return line
  return `{\n${lines.join('\n')}\n${indent}}`
}

if (import.meta.main) writeFileSync(join(REPOSITORY, 'docs/api.md'), apiReference())
