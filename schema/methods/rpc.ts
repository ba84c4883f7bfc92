import { z } from 'zod'
import { defineMethod, NoParams } from './method.ts'

const MethodName = z.string().min(1).max(200)

export const rpcMethods = {
  'rpc.discover': defineMethod({
    summary: 'Describe every method as an OpenRPC document.',
    access: 'open',
    params: NoParams,
    result: z.looseObject({ openrpc: z.string(), methods: z.array(z.looseObject({ name: z.string() })) }),
    errors: [],
    examples: [{ title: 'The whole document', params: {} }],
  }),
  'rpc.help': defineMethod({
    summary: 'List the methods, or explain one.',
    access: 'open',
    params: z.strictObject({ method: MethodName.optional() }),
    result: z.object({
      methods: z.array(
        z.object({
          name: z.string(),
          summary: z.string(),
          access: z.string(),
          params: z.array(z.object({ name: z.string(), type: z.string(), required: z.boolean() })),
          errors: z.array(z.string()),
          examples: z.array(z.object({ title: z.string(), params: z.looseObject({}) })),
        }),
      ),
    }),
    errors: ['NotFound'],
    examples: [
      { title: 'Every method', params: {} },
      { title: 'One method', params: { method: 'search.query' } },
    ],
    positional: ['method'],
  }),
  'rpc.check': defineMethod({
    summary: 'Validate a call without running it.',
    access: 'open',
    params: z.strictObject({ method: MethodName, params: z.looseObject({}).default({}) }),
    result: z.object({
      ok: z.boolean(),
      problems: z.array(z.object({ field: z.string(), message: z.string() })),
    }),
    errors: ['NotFound'],
    examples: [
      { title: 'A good call', params: { method: 'search.query', params: { query: 'tea' } } },
      { title: 'A bad one', params: { method: 'search.query', params: { query: 7 } } },
    ],
    positional: ['method'],
  }),
}
