import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { RpcCall } from '../../../rpc/types.ts'
import { VivimError } from '../../../schema/errors.ts'
import { METHODS, type Method } from '../../../schema/methods/index.ts'
import { type Access, defineMethod } from '../../../schema/methods/method.ts'
import { type Answer, LineCaller, session, testRouter } from './line-caller.ts'

function method(access: Access = 'open', more: Partial<Method> = {}): Method {
  const params = z.strictObject({
    text: z.string().max(10).optional(),
    inner: z.object({ list: z.array(z.int()) }).optional(),
  })
  return defineMethod({
    summary: 'x',
    access,
    params,
    result: z.object({}),
    errors: [],
    examples: [],
    ...more,
  })
}

describe('access', () => {
  const table = {
    'a.open': method('open'),
    'a.owner': method('owner'),
    'a.read': method('read'),
    'a.write': method('write'),
    'a.admin': method('admin'),
  }
  const handlers = Object.fromEntries(Object.keys(table).map((name) => [name, () => ({ ok: true })]))
  const callers = {
    stranger: { ownerSocket: false, scopes: undefined, may: ['a.open'] },
    owner: { ownerSocket: true, scopes: undefined, may: ['a.open', 'a.owner'] },
    reader: { ownerSocket: false, scopes: ['read'], may: ['a.open', 'a.read'] },
    writer: { ownerSocket: false, scopes: ['write'], may: ['a.open', 'a.read', 'a.write'] },
    admin: { ownerSocket: false, scopes: ['admin'], may: ['a.open', 'a.read', 'a.write', 'a.admin'] },
    nobody: { ownerSocket: false, scopes: [], may: ['a.open'] },
  } as const

  test.each(Object.entries(callers))('%s', async (_, { ownerSocket, scopes, may }) => {
    const caller = new LineCaller(testRouter(table, handlers).router, { ownerSocket })
    if (scopes !== undefined) caller.connection.bind(session({ scopes }))
    const served = []
    for (const name of Object.keys(table)) {
      const good = await caller.call(name, {})
      if (good.error === undefined) served.push(name)
      // Whether the parameters were right is nothing the refused learn.
      const bad = await caller.call(name, { text: 7, secret: true })
      if (good.error !== undefined) expect(bad).toEqual(good)
      else expect(bad.error?.code).toBe(-32602)
    }
    expect(served).toEqual(may)
  })

  test('an expired session, an ended one and none are told apart, and none is served', async () => {
    let now = 0
    const caller = new LineCaller(testRouter(table, handlers).router, { now: () => now })
    expect((await caller.call('a.read')).error).toMatchObject({ code: -32001, message: 'Sign in first.' })
    let current: ReturnType<typeof session> | undefined = session({ expiresAt: 1_000 })
    caller.connection.bind(() => current)
    expect((await caller.call('a.read')).error).toBeUndefined()
    now = 999
    expect((await caller.call('a.read')).error).toBeUndefined()
    now = 1_000
    const expired = (await caller.call('a.read')).error
    expect(expired).toMatchObject({
      code: -32001,
      message: 'The session has expired.',
      data: { code: 'Unauthorized' },
    })
    expect(expired?.data.hint).toContain('auth.refresh')
    expect(caller.connection.session).toBeUndefined()
    current = session({ expiresAt: 9_999 })
    expect((await caller.call('a.read')).error).toBeUndefined()
    current = undefined
    expect((await caller.call('a.read')).error).toMatchObject({
      code: -32001,
      message: 'The session was ended.',
    })
  })

  test('a call keeps the session it was checked under when the connection changes hands', async () => {
    const seen: (string | undefined)[] = []
    const slow = async (_: unknown, call: RpcCall) => {
      await sleep(10)
      seen.push(call.session?.did)
      return {}
    }
    const caller = new LineCaller(testRouter(table, { ...handlers, 'a.read': slow }).router)
    caller.connection.bind(session({ did: 'ann' }))
    const answered = caller.call('a.read')
    caller.connection.bind(session({ did: 'ben' }))
    await answered
    expect(seen).toEqual(['ann'])
  })

  test('without a session every method of the real table refuses what needs one', async () => {
    const real = METHODS as unknown as Record<string, Method>
    const { router } = testRouter(
      real,
      Object.fromEntries(Object.keys(real).map((name) => [name, () => ({})])),
    )
    const caller = new LineCaller(router, { ownerSocket: false })
    const shapes = new Set<string>()
    for (const [name, { access }] of Object.entries(real)) {
      const answer = await caller.call(name, { nonsense: 1 })
      if (access === 'open') expect(answer.error?.code).not.toBe(-32001)
      else if (access === 'owner') expect(answer.error?.code).toBe(-32003)
      else shapes.add(JSON.stringify(answer))
    }
    expect(shapes.size).toBe(1)
    expect([...shapes][0]).toContain('-32001')
  })
})

describe('parameters', () => {
  const table = { 'a.call': method('open', { positional: ['text'] }) }
  const given = (params: unknown) => params
  const caller = () => new LineCaller(testRouter(table, { 'a.call': given }).router)

  test.each([
    [{ text: 7 }, 'text', /expected string/],
    [{ text: 'x'.repeat(11) }, 'text', /10/],
    [{ inner: { list: [1, 2, 'three'] } }, 'inner.list.2', /expected/],
    [{ inner: {} }, 'inner.list', /expected/],
    [{ other: 1 }, 'other', /Known: text, inner/],
  ])('%j is refused at %s', async (params, field, hint) => {
    const { error } = await caller().call('a.call', params)
    expect(error).toMatchObject({ code: -32602, data: { code: 'InvalidParams', field } })
    expect(error?.data.hint).toMatch(hint)
  })

  test('what was sent is not sent back', async () => {
    const name = 'n'.repeat(100_000)
    const unknown = (await caller().call('a.call', { [name]: 'canary-value' })).error
    expect(unknown?.data.field).toMatch(/^n{200}…$/)
    const wrong = (await caller().call('a.call', { text: { 'canary-key': 'canary-value' } })).error
    expect(wrong?.data.field).toBe('text')
    for (const error of [unknown, wrong]) expect(JSON.stringify(error)).not.toContain('canary')
  })

  test('by position, by name, absent and empty', async () => {
    expect((await caller().call('a.call', ['t'])).result).toEqual({ text: 't' })
    expect((await caller().call('a.call', [])).result).toEqual({})
    expect((await caller().call('a.call', undefined)).result).toEqual({})
    const { error } = await caller().call('a.call', ['t', 'u'])
    expect(error).toMatchObject({ code: -32602, data: { hint: 'This method takes only text by position.' } })
  })

  test('nesting that exhausts the stack is a wrong parameter, not a failure', async () => {
    const deep = method('open', { params: z.strictObject({ value: z.json() }) })
    const { router, log } = testRouter({ 'a.deep': deep }, { 'a.deep': () => ({}) })
    const nested = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
    const [answer] = (await new LineCaller(router).send(
      `{"jsonrpc":"2.0","id":1,"method":"a.deep","params":{"value":${nested}}}\n`,
    )) as [Answer]
    expect(answer.error?.code).toBe(-32602)
    expect(log).toEqual([])
  })
})

describe('failures', () => {
  test('a VivimError crosses with its code, field, hint and delay', async () => {
    const error = new VivimError('RateLimited', 'Slow down.', {
      field: 'text',
      hint: 'Wait.',
      retryAfterMs: 5,
    })
    const caller = new LineCaller(
      testRouter(
        { 'a.call': method() },
        {
          'a.call': () => {
            throw error
          },
        },
      ).router,
    )
    expect((await caller.call('a.call')).error).toEqual({
      code: -32014,
      message: 'Slow down.',
      data: { code: 'RateLimited', field: 'text', hint: 'Wait.', retryAfterMs: 5 },
    })
  })

  const planted = '/root/secret/path.db'
  const thrown: [string, () => unknown][] = [
    ['an Error', () => Promise.reject(new Error(`ENOENT: ${planted}`))],
    [
      'an Error, synchronously',
      () => {
        throw Object.assign(new TypeError(planted), { code: -1, data: planted })
      },
    ],
    [
      'text',
      () => {
        throw planted
      },
    ],
    [
      'undefined',
      () => {
        throw undefined
      },
    ],
    ['null', () => Promise.reject(null)],
    [
      'something like a VivimError',
      () => {
        throw { code: 'NotFound', message: planted, number: 1, data: planted }
      },
    ],
    [
      'a VivimError with a made-up code',
      () => {
        throw new VivimError('constructor' as never, planted)
      },
    ],
    ['no result', () => undefined],
    ['a BigInt', () => ({ n: 1n, planted })],
    [
      'a cycle',
      () => {
        const cycle: Record<string, unknown> = { planted }
        cycle.cycle = cycle
        return cycle
      },
    ],
    [
      'a result that throws when read',
      () => ({
        get text() {
          throw new Error(planted)
        },
      }),
    ],
    [
      'a result nested without end',
      () => {
        let deep: unknown = {}
        for (let n = 0; n < 1e5; n++) deep = { deep }
        return deep
      },
    ],
  ]

  test.each(thrown)('%s becomes one plain internal error, and the log has it', async (_, handler) => {
    const { router, log } = testRouter({ 'a.call': method() }, { 'a.call': handler })
    const caller = new LineCaller(router)
    const answer = await caller.call('a.call', {}, 'id')
    expect(answer).toEqual({
      jsonrpc: '2.0',
      id: 'id',
      error: {
        code: -32603,
        message: 'The node failed to answer; its log says why.',
        data: { code: 'Internal' },
      },
    })
    expect(caller.lines.join()).not.toContain(planted)
    expect(caller.lines.join()).not.toMatch(/\bat .*:\d+/)
    expect(log).toHaveLength(1)
  })

  test('a result that breaks its schema is found when results are checked', async () => {
    const table = { 'a.call': method('open', { result: z.object({ n: z.int() }) }) }
    const wrong = { 'a.call': () => ({ n: 'one' }) }
    const checked = testRouter(table, wrong, { checkResults: true })
    expect((await new LineCaller(checked.router).call('a.call')).error?.code).toBe(-32603)
    expect(String(Object.values(checked.log[0]?.details ?? {}))).toContain('result schema')
    const unchecked = testRouter(table, wrong)
    expect((await new LineCaller(unchecked.router).call('a.call')).result).toEqual({ n: 'one' })
  })

  test('an answer that no reader could take is refused, alone or summed up in a batch', async () => {
    const half = 'x'.repeat(40 * 1024 * 1024)
    const caller = new LineCaller(testRouter({ 'a.big': method() }, { 'a.big': () => ({ half }) }).router)
    const request = (id: number) => JSON.stringify({ jsonrpc: '2.0', method: 'a.big', id })
    const [batch] = (await caller.send(`[${request(1)},${request(2)}]\n`)) as [Answer[]]
    expect(batch.map(({ id, error }) => [id, error?.code])).toEqual([
      [1, undefined],
      [2, -32013],
    ])
  })
})

describe('calls in flight', () => {
  test('$/cancel aborts the request of that id and no other', async () => {
    const signals = new Map<unknown, AbortSignal>()
    const wait = (_: unknown, { signal, requestId }: RpcCall) => {
      signals.set(requestId, signal)
      return new Promise(() => {})
    }
    const { router, counts } = testRouter({ 'a.wait': method() }, { 'a.wait': wait })
    const caller = new LineCaller(router)
    for (const id of [1, '1', 2]) {
      caller.connection.receive(Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', method: 'a.wait', id })}\n`))
    }
    caller.connection.receive(Buffer.from('{"jsonrpc":"2.0","method":"$/cancel","params":{"id":"1"}}\n'))
    for (const params of [{}, [], { id: null }, { id: {} }, { id: 'unknown' }]) {
      caller.connection.receive(
        Buffer.from(`${JSON.stringify({ jsonrpc: '2.0', method: '$/cancel', params })}\n`),
      )
    }
    await sleep(5)
    expect(caller.lines.map((line) => JSON.parse(line))).toMatchObject([
      { id: '1', error: { code: -32016, data: { code: 'Unavailable' } } },
    ])
    expect([...signals].map(([id, { aborted }]) => [id, aborted])).toEqual([
      [1, false],
      ['1', true],
      [2, false],
    ])
    caller.connection.close()
    expect([...signals.values()].every(({ aborted }) => aborted)).toBe(true)
    expect(caller.connection.signal.aborted).toBe(true)
    await sleep(5)
    expect(caller.lines).toHaveLength(1)
    expect(counts.get('rpc.calls.a.wait')).toBe(3)
    expect(counts.get('rpc.errors.a.wait')).toBe(3)
  })

  test('a deadline ends a call whose handler never does', async () => {
    let signal: AbortSignal | undefined
    const never = (_: unknown, call: RpcCall) => {
      signal = call.signal
      return new Promise(() => {})
    }
    const table = { 'a.wait': method('open', { timeoutMs: 30 }) }
    const caller = new LineCaller(testRouter(table, { 'a.wait': never }).router)
    const started = performance.now()
    const { error } = await caller.call('a.wait')
    expect(error).toMatchObject({ code: -32016, data: { code: 'Unavailable' } })
    expect(performance.now() - started).toBeGreaterThanOrEqual(25)
    expect(signal?.reason).toBeInstanceOf(VivimError)
  })

  test('a cancelled call counts until its work ends: cancelling in a loop gains nothing', async () => {
    const { router, counts } = testRouter({ 'a.wait': method() }, { 'a.wait': () => new Promise(() => {}) })
    const caller = new LineCaller(router)
    const frames = Array.from({ length: 1_500 }, (_, id) =>
      [
        JSON.stringify({ jsonrpc: '2.0', method: 'a.wait', id }),
        JSON.stringify({ jsonrpc: '2.0', method: '$/cancel', params: { id } }),
        '',
      ].join('\n'),
    )
    const answers = (await caller.send(frames.join(''))) as Answer[]
    const limited = answers.filter(({ error }) => error?.code === -32014)
    expect(answers).toHaveLength(1_500)
    expect(limited).toHaveLength(500)
    expect(limited[0]?.error?.data.retryAfterMs).toBeGreaterThan(0)
    expect(counts.get('rpc.refused.pending')).toBe(500)
  })

  test('progress goes to the caller that asked, under its id, until the answer', async () => {
    let late: (() => void) | undefined
    const work = async (_: unknown, { progress }: RpcCall) => {
      progress({ jobId: 'j', done: 1, total: 2, stage: 'reading' })
      late = () => progress({ jobId: 'j', done: 2, total: 2, stage: 'late' })
      return {}
    }
    const { router } = testRouter({ 'a.work': method() }, { 'a.work': work })
    const [asking, other] = [new LineCaller(router), new LineCaller(router)]
    expect(await asking.send('{"jsonrpc":"2.0","method":"a.work","id":"r"}\n')).toEqual([
      {
        jsonrpc: '2.0',
        method: 'progress',
        params: { requestId: 'r', jobId: 'j', done: 1, total: 2, stage: 'reading' },
      },
      { jsonrpc: '2.0', id: 'r', result: {} },
    ])
    late?.()
    expect(asking.lines).toHaveLength(2)
    expect(other.lines).toEqual([])
    expect(await asking.send('{"jsonrpc":"2.0","method":"a.work"}\n')).toEqual([])
  })

  test('large requests are answered before more is read', async () => {
    const release: (() => void)[] = []
    const wait = () => new Promise((resolve) => release.push(() => resolve({})))
    const table = { 'a.wait': method('open', { params: z.looseObject({}) }) }
    const caller = new LineCaller(testRouter(table, { 'a.wait': wait }).router)
    const line = Buffer.from(
      `{"jsonrpc":"2.0","id":1,"method":"a.wait","params":{"x":"${'x'.repeat(15_000_000)}"}}\n`,
    )
    caller.connection.receive(line)
    caller.connection.receive(line)
    expect(caller.reading).toBe(true)
    caller.connection.receive(line)
    expect(caller.reading).toBe(false)
    for (const go of release) go()
    await caller.connection.idle()
    expect(caller.reading).toBe(true)
  })
})

describe('lines that are no requests', () => {
  test('three oversized lines in a minute are answered, the fourth closes; a minute later all is forgotten', async () => {
    let now = 0
    const { router } = testRouter({ 'a.call': method() }, { 'a.call': () => ({}) })
    const caller = new LineCaller(router, { now: () => now })
    const huge = Buffer.alloc(20 * 1024 * 1024, 'x')
    huge[huge.length - 1] = 0x0a
    const oversized = [{ jsonrpc: '2.0', id: null, error: { code: -32013, data: { code: 'TooLarge' } } }]
    for (let minute = 0; minute < 2; minute++) {
      for (let time = 0; time < 3; time++) {
        expect(await caller.send(huge)).toMatchObject(oversized)
        expect((await caller.call('a.call')).result).toEqual({})
      }
      now += 60_000
    }
    now -= 60_000
    expect(await caller.send(huge)).toMatchObject(oversized)
    expect(caller.closedByNode).toBe(true)
    expect(await caller.send('{"jsonrpc":"2.0","method":"a.call","id":1}\n')).toEqual([])
  })

  test('bytes that are no UTF-8 are -32700, and the last line needs no newline', async () => {
    const caller = new LineCaller(testRouter({ 'a.call': method() }, { 'a.call': () => ({}) }).router)
    expect(await caller.send(Buffer.from([0x7b, 0xff, 0x7d, 0x0a]))).toMatchObject([
      { id: null, error: { code: -32700 } },
    ])
    expect(await caller.send('{"jsonrpc":"2.0","method":"a.call","id":1}')).toEqual([])
    caller.connection.receiveEnd()
    await caller.connection.idle()
    expect(JSON.parse(caller.lines.at(-1) ?? '')).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
  })
})
