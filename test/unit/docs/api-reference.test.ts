import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { METHODS } from '../../../schema/methods/index.ts'
import { apiReference, typeText } from '../../support/api-reference.ts'
import { REPOSITORY } from '../../support/repository.ts'

describe('docs/api.md', () => {
  const text = apiReference()

  it('is what the method table says today (node test/support/api-reference.ts writes it)', () => {
    expect(readFileSync(join(REPOSITORY, 'docs/api.md'), 'utf8')).toBe(text)
  })

  it('has a section for every method', () => {
    for (const name of Object.keys(METHODS)) expect(text).toContain(`\n### ${name}\n`)
  })
})

describe('typeText', () => {
  it.each([
    [{ type: 'integer' }, 'integer'],
    [{ enum: ['a', 'b'] }, '"a" | "b"'],
    [{ type: 'array', items: { enum: ['a', 'b'] } }, '("a" | "b")[]'],
    [{ anyOf: [{ type: 'string' }, { type: 'null' }] }, 'string | null'],
    [{ type: ['string', 'null'] }, 'string | null'],
    [{ type: 'object', properties: { a: { type: 'string' } } }, '{ a?: string }'],
    [{ type: 'object', properties: {}, additionalProperties: false }, '{}'],
    [{ type: 'object', additionalProperties: { type: 'number' } }, 'Record<string, number>'],
    [
      {
        type: 'object',
        properties: { a: { type: 'string' }, b: { type: 'boolean', default: false } },
        required: ['a'],
      },
      '{\n  a: string\n  b?: boolean  // default false\n}',
    ],
  ])('%j is %s', (schema, expected) => {
    expect(typeText(schema)).toBe(expected)
  })
})
