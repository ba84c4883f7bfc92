import { ERROR_CODES, type ErrorCode } from '../schema/errors.ts'
import type { Method } from '../schema/methods/index.ts'
import { hoistDefinitions, type JsonSchema, jsonSchemaOf, parametersOf } from './json-schema.ts'

/** Any method may answer with these, besides its own. */
const COMMON_ERRORS: readonly ErrorCode[] = ['InvalidParams', 'RateLimited', 'Unavailable', 'Internal']
const SESSION_ERRORS: readonly ErrorCode[] = ['Unauthorized', 'Forbidden', 'UserUnavailable']

/** The codes a call of this method can end with. */
export function errorsOf({ access, errors }: Method): readonly ErrorCode[] {
  const byAccess: readonly ErrorCode[] =
    access === 'open' ? [] : access === 'owner' ? ['Forbidden'] : SESSION_ERRORS
  return [...new Set([...errors, ...byAccess, ...COMMON_ERRORS])]
}

/** The method table as an OpenRPC 1.3 document (spec.open-rpc.org). */
export function discover(methods: Readonly<Record<string, Method>>, version: string) {
  const schemas: Record<string, JsonSchema> = {}
  return {
    openrpc: '1.3.2',
    info: { title: 'vivimd', version, license: { name: 'Apache-2.0' } },
    methods: Object.entries(methods).map(([name, method]) => describe(name, method, schemas)),
    components: { schemas, errors: Object.fromEntries(ERRORS.map((code) => [code, errorObject(code)])) },
  }
}

const ERRORS = Object.keys(ERROR_CODES) as ErrorCode[]

function describe(name: string, method: Method, schemas: Record<string, JsonSchema>) {
  return {
    name,
    summary: method.summary,
    tags: [{ name: name.slice(0, name.indexOf('.')) }],
    paramStructure: 'by-name' as const,
    params: parametersOf(method).map(({ schema, ...parameter }) => ({
      ...parameter,
      schema: hoistDefinitions(schema, `${name}.${parameter.name}`, schemas),
    })),
    result: {
      name: 'result',
      schema: hoistDefinitions(jsonSchemaOf(method.result), `${name}.result`, schemas),
    },
    errors: errorsOf(method).map((code) => ({ $ref: `#/components/errors/${code}` })),
    examples: method.examples.map(({ title, params }) => ({
      name: title,
      params: Object.entries(params as object).map(([key, value]) => ({ name: key, value })),
    })),
    'x-access': method.access,
    ...(method.timeoutMs === undefined ? {} : { 'x-timeout-ms': method.timeoutMs }),
  }
}

function errorObject(code: ErrorCode) {
  const { number, message } = ERROR_CODES[code]
  return { code: number, message, data: { code } }
}
