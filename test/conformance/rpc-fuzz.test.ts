import { expect, test } from 'vitest'
import { z } from 'zod'
import { METHODS, type Method } from '../../schema/methods/index.ts'
import { defineMethod } from '../../schema/methods/method.ts'
import { type SeededRandom, testRandom } from '../support/seed.ts'
import { LineCaller, session, testRouter } from '../unit/rpc/line-caller.ts'

const FRAMES = process.env.VIVIM_TEST_LONG === '1' ? 1_000_000 : 20_000

const ping = defineMethod({
  summary: 'x',
  access: 'open',
  params: z.strictObject({}),
  result: z.object({}),
  errors: [],
  examples: [],
})

/** Every example of the method table, some batches, and a notification. */
const SEEDS = [
  ...Object.entries(METHODS as unknown as Record<string, Method>).flatMap(([method, { examples }]) =>
    examples.map(({ params }, index) =>
      JSON.stringify({ jsonrpc: '2.0', method, params, id: `${method}#${index}` }),
    ),
  ),
  '[{"jsonrpc":"2.0","method":"ping","id":1},{"jsonrpc":"2.0","method":"ping"},{"foo":"boo"}]',
  '{"jsonrpc":"2.0","method":"$/cancel","params":{"id":1}}',
  '{"jsonrpc":"2.0","method":"ping","params":{},"id":null}',
].map((text) => Buffer.from(text))

const TOKENS = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  'null',
  '1e999',
  '"id"',
  '"jsonrpc"',
  '\n',
  '\r\n',
  '\u0000',
  '€',
]

function mutate(random: SeededRandom): Buffer {
  let bytes = Buffer.from(random.pick(SEEDS))
  for (let step = random.integer(4); step > 0; step--) {
    const at = random.integer(bytes.length + 1)
    const rest = bytes.subarray(at)
    const before = bytes.subarray(0, at)
    switch (random.integer(6)) {
      case 0:
        if (at < bytes.length) bytes[at] = random.integer(256)
        break
      case 1:
        bytes = Buffer.concat([before, rest.subarray(random.integer(8))])
        break
      case 2:
        bytes = Buffer.concat([before, Buffer.from(random.pick(TOKENS)), rest])
        break
      case 3:
        bytes = Buffer.concat([before, random.bytes(random.integer(8)), rest])
        break
      case 4:
        bytes = Buffer.from(before)
        break
      default: {
        const other = random.pick(SEEDS)
        bytes = Buffer.concat([before, other.subarray(random.integer(other.length))])
      }
    }
  }
  return Buffer.concat([bytes, Buffer.from('\n')])
}

/** The ids that must be answered, by the letter of the specification; `undefined` where the line is no JSON. */
function idsDue(line: Buffer): unknown[] {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(line))
  } catch {
    return [null]
  }
  if (!Array.isArray(value)) return idDue(value)
  return value.length === 0 || value.length > 100 ? [null] : value.flatMap(idDue)
}

function idDue(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [null]
  const { id, method, params, jsonrpc } = value as Record<string, unknown>
  const structured = params === undefined || (typeof params === 'object' && params !== null)
  const valid = jsonrpc === '2.0' && typeof method === 'string' && structured
  if (id === undefined) return valid ? [] : [null]
  return [
    typeof id === 'string' || (typeof id === 'number' && Math.abs(id) <= Number.MAX_SAFE_INTEGER) ? id : null,
  ]
}

function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = []
  let start = 0
  for (let end = bytes.indexOf('\n'); end !== -1; end = bytes.indexOf('\n', start)) {
    const line = bytes.subarray(start, end)
    lines.push(line.at(-1) === 0x0d ? line.subarray(0, -1) : line)
    start = end + 1
  }
  return lines.filter((line) => line.length > 0)
}

test(`${FRAMES} mutated frames: each request is answered under its id, nothing fails inside`, async () => {
  const random = testRandom()
  const methods: Record<string, Method> = { ...(METHODS as unknown as Record<string, Method>), ping }
  const handlers = Object.fromEntries(Object.keys(methods).map((name) => [name, () => ({})]))
  const { router, log } = testRouter(methods, handlers)
  const caller = new LineCaller(router)
  let accepted = 0
  for (let frame = 0; frame < FRAMES; frame++) {
    if (frame % 2 === 0) caller.connection.bind(frame % 4 === 0 ? session({ scopes: ['admin'] }) : undefined)
    const bytes = mutate(random)
    const answers = (await caller.send(bytes)).flat() as { id: unknown; error?: { message: string } }[]
    caller.lines.length = 0
    accepted += answers.filter(({ error }) => error === undefined).length
    const ids = answers.map(({ id }) => JSON.stringify(id)).sort()
    const due = linesOf(bytes)
      .flatMap(idsDue)
      .map((id) => JSON.stringify(id))
      .sort()
    expect({ sent: bytes.toString('latin1'), ids }).toEqual({ sent: bytes.toString('latin1'), ids: due })
  }
  // Mutation must not have made everything invalid, or this test would see only the parser.
  expect(accepted).toBeGreaterThan(FRAMES / 20)
  expect(log).toEqual([])
  expect(await caller.call('ping')).toEqual({ jsonrpc: '2.0', result: {}, id: 1 })
})
