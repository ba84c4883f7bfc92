import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { METHODS, type Method } from '../../schema/methods/index.ts'
import { defineMethod } from '../../schema/methods/method.ts'
import { describeShared } from '../support/shared.ts'
import { LineCaller, session, testRouter } from '../unit/rpc/line-caller.ts'

const echo = defineMethod({
  summary: 'x',
  access: 'open',
  params: z.strictObject({ text: z.string() }),
  result: z.object({ text: z.string() }),
  errors: [],
  examples: [],
})

describeShared('naughty strings', 'vectors/blns', (folder) => {
  const strings = () => JSON.parse(readFileSync(join(folder, 'blns.json'), 'utf8')) as string[]

  test('as ids and as parameters they come back unchanged', async () => {
    const caller = new LineCaller(
      testRouter({ echo }, { echo: ({ text }: { text: string }) => ({ text }) }).router,
    )
    expect(strings().length).toBeGreaterThan(400)
    for (const text of strings()) {
      expect(await caller.call('echo', { text }, text)).toEqual({
        jsonrpc: '2.0',
        id: text,
        result: { text },
      })
    }
  })

  test('as methods and as names of parameters they are refused', async () => {
    const { router, log, counts } = testRouter({ echo }, { echo: () => ({ text: '' }) })
    const caller = new LineCaller(router)
    for (const text of strings()) {
      expect((await caller.call(text, {})).error?.code).toBe(-32601)
      const named = await caller.call('echo', { text: '', [`${text}!`]: 1 })
      expect(named.error?.data.code).toBe('InvalidParams')
    }
    expect(log).toEqual([])
    // A caller cannot make up names of counters.
    expect([...counts.keys()].sort()).toEqual([
      'rpc.calls.echo',
      'rpc.errors.echo',
      'rpc.refused.MethodNotFound',
    ])
  })

  test('as any parameter of any method they never reach the log as a failure', async () => {
    const methods = METHODS as unknown as Record<string, Method>
    const nothing = Object.fromEntries(Object.keys(methods).map((name) => [name, () => ({})]))
    const { router, log } = testRouter(methods, nothing)
    const caller = new LineCaller(router)
    caller.connection.bind(session({ scopes: ['admin'] }))
    for (const [name, { params }] of Object.entries(methods)) {
      const fields = params instanceof z.ZodObject ? Object.keys(params.shape) : []
      for (const text of strings().filter((_, index) => index % 7 === name.length % 7)) {
        const answer = await caller.call(name, Object.fromEntries(fields.map((field) => [field, text])))
        expect([undefined, -32602]).toContain(answer.error?.code)
      }
    }
    expect(log).toEqual([])
  })
})
