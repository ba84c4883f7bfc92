import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { defineMethod, type Method } from '../../schema/methods/method.ts'
import { LineCaller, testRouter } from '../unit/rpc/line-caller.ts'

/** The methods that section 7 of the JSON-RPC 2.0 specification calls. */
function method(params: z.ZodType, positional: readonly string[] = []): Method {
  return defineMethod({
    summary: 'x',
    access: 'open',
    params,
    result: z.any(),
    errors: [],
    examples: [],
    positional,
  })
}

const TABLE = {
  subtract: method(z.strictObject({ minuend: z.number(), subtrahend: z.number() }), [
    'minuend',
    'subtrahend',
  ]),
  sum: method(z.array(z.number())),
  update: method(z.array(z.number())),
  notify_hello: method(z.array(z.number())),
  notify_sum: method(z.array(z.number())),
  get_data: method(z.strictObject({})),
}

const HANDLERS = {
  subtract: ({ minuend, subtrahend }: { minuend: number; subtrahend: number }) => minuend - subtrahend,
  sum: (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0),
  update: () => null,
  notify_hello: () => null,
  notify_sum: () => null,
  get_data: () => ['hello', 5],
}

const PARSE = { code: -32700 }
const INVALID = { code: -32600 }
const NO_METHOD = { code: -32601 }

const failed = (error: { code: number }, id: unknown = null) => ({ jsonrpc: '2.0', error, id })
const gave = (result: unknown, id: unknown) => ({ jsonrpc: '2.0', result, id })

/** Sent, and the one line expected back (undefined: none). Only codes are compared: texts and data are ours. */
const EXAMPLES: [name: string, sent: string, expected: unknown][] = [
  [
    'positional parameters',
    '{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}',
    gave(19, 1),
  ],
  [
    'positional, swapped',
    '{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}',
    gave(-19, 2),
  ],
  [
    'named parameters',
    '{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}',
    gave(19, 3),
  ],
  [
    'named, other order',
    '{"jsonrpc": "2.0", "method": "subtract", "params": {"minuend": 42, "subtrahend": 23}, "id": 4}',
    gave(19, 4),
  ],
  ['a notification', '{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}', undefined],
  ['a notification of nothing', '{"jsonrpc": "2.0", "method": "foobar"}', undefined],
  ['no such method', '{"jsonrpc": "2.0", "method": "foobar", "id": "1"}', failed(NO_METHOD, '1')],
  ['invalid JSON', '{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]', failed(PARSE)],
  ['an invalid request', '{"jsonrpc": "2.0", "method": 1, "params": "bar"}', failed(INVALID)],
  [
    'a batch of invalid JSON',
    '[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},{"jsonrpc": "2.0", "method"]',
    failed(PARSE),
  ],
  ['an empty batch', '[]', failed(INVALID)],
  ['an invalid batch, not empty', '[1]', [failed(INVALID)]],
  ['an invalid batch', '[1,2,3]', [failed(INVALID), failed(INVALID), failed(INVALID)]],
  [
    'a batch',
    `[
      {"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
      {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
      {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
      {"foo": "boo"},
      {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
      {"jsonrpc": "2.0", "method": "get_data", "id": "9"}
    ]`,
    [gave(7, '1'), gave(19, '2'), failed(INVALID), failed(NO_METHOD, '5'), gave(['hello', 5], '9')],
  ],
  [
    'a batch of notifications',
    '[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},{"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]',
    undefined,
  ],
]

/** Shapes that the examples leave open and the sections 4 to 6 decide. */
const SHAPES: [name: string, sent: string, expected: unknown][] = [
  ['null', 'null', failed(INVALID)],
  ['a number', '0', failed(INVALID)],
  ['false', 'false', failed(INVALID)],
  ['an empty string', '""', failed(INVALID)],
  ['an empty object', '{}', failed(INVALID)],
  ['a batch of null', '[null]', [failed(INVALID)]],
  ['a batch in a batch', '[[]]', [failed(INVALID)]],
  ['a batch of one', '[{"jsonrpc":"2.0","method":"get_data","id":1}]', [gave(['hello', 5], 1)]],
  ['params that are text', '{"jsonrpc":"2.0","method":"get_data","params":"bar","id":1}', failed(INVALID, 1)],
  ['params that are null', '{"jsonrpc":"2.0","method":"get_data","params":null,"id":1}', failed(INVALID, 1)],
  ['an id that is an object', '{"jsonrpc":"2.0","method":"get_data","id":{}}', failed(INVALID)],
  ['an id that is true', '{"jsonrpc":"2.0","method":"get_data","id":true}', failed(INVALID)],
  [
    'an id that parsing changes',
    '{"jsonrpc":"2.0","method":"get_data","id":12345678901234567890}',
    failed(INVALID),
  ],
  ['an id that is infinite', '{"jsonrpc":"2.0","method":"get_data","id":1e400}', failed(INVALID)],
  ['an id that is null', '{"jsonrpc":"2.0","method":"get_data","id":null}', gave(['hello', 5], null)],
  ['an id that is zero', '{"jsonrpc":"2.0","method":"get_data","id":0}', gave(['hello', 5], 0)],
  ['an id that is empty', '{"jsonrpc":"2.0","method":"get_data","id":""}', gave(['hello', 5], '')],
  ['an id with a fraction', '{"jsonrpc":"2.0","method":"get_data","id":1.5}', gave(['hello', 5], 1.5)],
  ['version 1', '{"method":"get_data","params":[],"id":1}', failed(INVALID, 1)],
  ['version as a number', '{"jsonrpc":2.0,"method":"get_data","id":1}', failed(INVALID, 1)],
  ['a method of Object', '{"jsonrpc":"2.0","method":"constructor","id":1}', failed(NO_METHOD, 1)],
  ['__proto__', '{"jsonrpc":"2.0","method":"__proto__","id":1}', failed(NO_METHOD, 1)],
  [
    'too many by position',
    '{"jsonrpc":"2.0","method":"subtract","params":[1,2,3],"id":1}',
    failed({ code: -32602 }, 1),
  ],
  [
    'the wrong type',
    '{"jsonrpc":"2.0","method":"subtract","params":["1",2],"id":1}',
    failed({ code: -32602 }, 1),
  ],
  ['the wrong type, notified', '{"jsonrpc":"2.0","method":"subtract","params":["1",2]}', undefined],
  ['a stray response', '{"jsonrpc":"2.0","result":1,"id":1}', failed(INVALID, 1)],
  [
    'a cancellation as a request',
    '{"jsonrpc":"2.0","method":"$/cancel","params":{"id":1},"id":1}',
    failed(NO_METHOD, 1),
  ],
]

describe.each([
  ['section 7 of the specification', EXAMPLES],
  ['shapes of requests', SHAPES],
])('%s', (_, cases) => {
  test.each(cases)('%s', async (_name, sent, expected) => {
    const caller = new LineCaller(testRouter(TABLE, HANDLERS).router)
    const answers = await caller.send(`${sent.replaceAll('\n', ' ')}\n`)
    expect(answers.map(withoutTexts)).toEqual(expected === undefined ? [] : [expected])
    expect(await caller.call('get_data')).toEqual(gave(['hello', 5], 1))
  })
})

test('a batch of 100 is served, one of 101 is refused whole', async () => {
  const caller = new LineCaller(testRouter(TABLE, HANDLERS).router)
  const batch = (size: number) =>
    JSON.stringify(Array.from({ length: size }, (_, id) => ({ jsonrpc: '2.0', method: 'get_data', id })))
  const [served] = await caller.send(`${batch(100)}\n`)
  expect(served).toHaveLength(100)
  const [refused] = await caller.send(`${batch(101)}\n`)
  expect(refused).toMatchObject({ id: null, error: { code: -32013 } })
})

function withoutTexts(answer: unknown): unknown {
  if (Array.isArray(answer)) return answer.map(withoutTexts)
  const { error, ...rest } = answer as { error?: { code: number; message: unknown } }
  if (error === undefined) return rest
  expect(typeof error.message).toBe('string')
  return { ...rest, error: { code: error.code } }
}
