import { describe, expect, test } from 'vitest'
import { errorsOf } from '../../../rpc/discover.ts'
import { check, help, introspectionHandlers } from '../../../rpc/introspection.ts'
import { ERROR_CODES } from '../../../schema/errors.ts'
import { METHODS, type Method } from '../../../schema/methods/index.ts'

const TABLE = METHODS as unknown as Record<string, Method>

interface Schema {
  readonly type?: string
  readonly properties?: Record<string, Schema>
  readonly additionalProperties?: unknown
}

interface Document {
  readonly openrpc: string
  readonly info: { title: string; version: string }
  readonly methods: {
    name: string
    params: { name: string; required: boolean; schema: Schema }[]
    result: { name: string; schema: Schema }
    errors: { $ref: string }[]
    examples: { name: string; params: { name: string; value: unknown }[] }[]
  }[]
  readonly components: {
    schemas: Record<string, Schema>
    errors: Record<string, { code: number; message: string }>
  }
}

const handlers = introspectionHandlers('1.2.3')
const document = JSON.parse(JSON.stringify(handlers['rpc.discover']({}, undefined as never))) as Document

describe('rpc.discover', () => {
  test('describes every method once, with its parameters, result and errors', () => {
    expect(document.openrpc).toMatch(/^1\.3\.\d+$/)
    expect(document.info).toMatchObject({ title: 'vivimd', version: '1.2.3' })
    expect(document.methods.map(({ name }) => name)).toEqual(Object.keys(METHODS))
    const search = document.methods.find(({ name }) => name === 'search.query')
    expect(search?.params[0]).toMatchObject({ name: 'query', required: true, schema: { type: 'string' } })
    expect(search?.params.filter(({ required }) => required)).toHaveLength(1)
    for (const { result } of document.methods) expect(result.schema.type).toBe('object')
    expect(METHODS['rpc.discover'].result.safeParse(document).success).toBe(true)
  })

  test('puts required parameters before optional ones only where positions say so, and names none twice', () => {
    for (const { name, params } of document.methods) {
      const names = params.map((parameter) => parameter.name)
      expect(new Set(names).size).toBe(names.length)
      const positional = TABLE[name]?.positional ?? []
      expect(names.slice(0, positional.length)).toEqual(positional)
    }
  })

  test('every reference leads somewhere', () => {
    const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]*)"/g)
    const targets = new Set([...references].map(([, target]) => target ?? ''))
    expect(targets.size).toBeGreaterThan(5)
    for (const target of targets) {
      const found = target
        .replace(/^#\//, '')
        .split('/')
        .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document)
      expect({ target, found: typeof found }).toEqual({ target, found: 'object' })
    }
  })

  test('results stay open for new fields, parameters do not', () => {
    const status = document.methods.find(({ name }) => name === 'node.status')
    expect(status?.result.schema.additionalProperties).toBeUndefined()
    expect(document.components.errors.Unauthorized).toMatchObject({ code: -32001 })
    expect(Object.keys(document.components.errors)).toEqual(Object.keys(ERROR_CODES))
  })

  test('errors follow from access', () => {
    expect(errorsOf(TABLE['search.query'] as Method)).toContain('Unauthorized')
    expect(errorsOf(TABLE['node.status'] as Method)).not.toContain('Unauthorized')
    expect(errorsOf(TABLE['users.create'] as Method)).toContain('Forbidden')
  })
})

describe('rpc.help', () => {
  test('lists every method, or explains one in words', () => {
    expect(help(TABLE, {}).methods).toHaveLength(Object.keys(METHODS).length)
    const { methods } = help(TABLE, { method: 'capture.import' })
    expect(methods).toHaveLength(1)
    expect(methods[0]).toMatchObject({ name: 'capture.import', access: 'write' })
    expect(methods[0]?.params).toContainEqual({
      name: 'wait',
      type: '"queued" | "stored" | "indexed"',
      required: false,
    })
    expect(methods[0]?.params[0]).toEqual({ name: 'path', type: 'string', required: false })
    expect(METHODS['rpc.help'].result.safeParse(help(TABLE, {})).success).toBe(true)
  })

  test.each(['no.such', '__proto__', 'constructor', ''])('%j is not found', (method) => {
    expect(() => help(TABLE, { method })).toThrow(
      expect.objectContaining({ code: 'NotFound', field: 'method' }),
    )
    expect(() => check(TABLE, { method, params: {} })).toThrow(expect.objectContaining({ code: 'NotFound' }))
  })
})

describe('rpc.check', () => {
  test('accepts every example that names no id of the reader', () => {
    let checked = 0
    for (const [method, { examples }] of Object.entries(TABLE)) {
      for (const { params } of examples) {
        if (JSON.stringify(params).includes('"$')) continue
        checked++
        expect({ method, ...check(TABLE, { method, params: params as never }) }).toEqual({
          method,
          ok: true,
          problems: [],
        })
      }
    }
    expect(checked).toBeGreaterThan(20)
  })

  test('gives every problem with its field', () => {
    const { ok, problems } = check(TABLE, { method: 'search.query', params: { query: 7, limit: 0, what: 1 } })
    expect(ok).toBe(false)
    expect(problems.map(({ field }) => field).sort()).toEqual(['limit', 'query', 'what'])
  })
})
