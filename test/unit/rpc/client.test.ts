import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { defaultSocket } from '../../../rpc/client/default-socket.ts'
import { type Client, type ConnectOptions, connect } from '../../../rpc/client/index.ts'
import { connectInMemory } from '../../../rpc/client/memory.ts'
import { introspectionHandlers } from '../../../rpc/introspection.ts'
import { createRouter, type Router } from '../../../rpc/router.ts'
import { listenOnSocket, type SocketServer } from '../../../rpc/socket-server.ts'
import type { Handlers, RpcCall, RpcSession, UserCallHandler } from '../../../rpc/types.ts'
import { VivimError } from '../../../schema/errors.ts'
import type { ParamsInput } from '../../../schema/methods/index.ts'

const DID = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK'
const MINUTE = 60_000

/** A small gateway with the rules of the real one: tokens, expiry, refresh tokens of one use. */
class TestNode {
  now = 1_000_000
  readonly calls: string[] = []
  readonly signals: AbortSignal[] = []
  readonly router: Router
  release: (() => void) | undefined
  readonly #sessions = new Map<string, RpcSession>()
  readonly #refreshTokens = new Set<string>()
  #made = 0

  constructor() {
    const handlers: Partial<Handlers> = {
      ...introspectionHandlers('0.0.0'),
      'auth.login': (_, { connection }) => {
        this.calls.push('auth.login')
        const session = this.#issue()
        connection.bind(this.#sessions.get(session.token))
        return session
      },
      'auth.resume': ({ token }, { connection }) => {
        this.calls.push('auth.resume')
        const session = this.#sessions.get(token)
        if (session === undefined || session.expiresAt <= this.now) throw new VivimError('Unauthorized')
        connection.bind(() => this.#sessions.get(token))
        return { did: session.did, expiresAt: session.expiresAt, scopes: [...session.scopes] }
      },
      'auth.refresh': ({ refreshToken }) => {
        this.calls.push('auth.refresh')
        if (!this.#refreshTokens.delete(refreshToken)) throw new VivimError('Unauthorized')
        return this.#issue()
      },
      'auth.whoami': (_, { connection }) => {
        const { did, deviceDid, maxSecurityLevel, expiresAt } = connection.requireSession()
        return { did, deviceDid, maxSecurityLevel, expiresAt, scopes: ['read'] }
      },
      'auth.logout': (_, { connection }) => {
        connection.bind(undefined)
        return { ended: true }
      },
      'node.version': () => ({ version: '0.0.0', node: '24', sqlite: '3', schema: 1 }),
    }
    this.router = createRouter({
      handlers: handlers as Handlers,
      userCall: ((method: string, _: unknown, call: RpcCall) => this.#user(method, call)) as UserCallHandler,
      log: { error: () => {}, warn: () => {} },
    })
  }

  /** As if it had been restarted and had forgotten its sessions. */
  forget(): void {
    this.#sessions.clear()
  }

  #issue() {
    const token = `token-${++this.#made}-${'x'.repeat(20)}`
    const refreshToken = `refresh-${this.#made}-${'x'.repeat(20)}`
    const expiresAt = this.now + 15 * MINUTE
    this.#sessions.set(token, { did: DID, deviceDid: DID, scopes: ['write'], maxSecurityLevel: 3, expiresAt })
    this.#refreshTokens.add(refreshToken)
    return { token, did: DID, expiresAt, refreshToken, scopes: ['write'] }
  }

  async #user(method: string, call: RpcCall): Promise<unknown> {
    this.calls.push(method)
    this.signals.push(call.signal)
    call.progress({ jobId: 'j', done: 1, stage: 'reading' })
    if (method === 'capture.conversation') await new Promise<void>((resolve) => (this.release = resolve))
    if (method === 'topics.get')
      throw new VivimError('NotFound', 'No topic.', { field: 'id', hint: 'List them.' })
    return { items: [], nextCursor: null }
  }
}

const CONVERSATION: ParamsInput<'capture.conversation'> = {
  conversation: {
    format: 'vivim.capture/1',
    provider: 'p',
    originalId: '1',
    messages: [{ id: 'm', role: 'user', parts: [{ type: 'text', content: 'x' }] }],
  },
}

let folder: string
let path: string
let node: TestNode
let server: SocketServer
const clients: Client[] = []

async function listen(): Promise<void> {
  server = await listenOnSocket({
    path,
    router: node.router,
    holdsLock: true,
    log: { error: () => {}, warn: () => {} },
    now: () => node.now,
  })
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vivim-client-'))
  path = join(folder, 'vivimd.sock')
  node = new TestNode()
  await listen()
})

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close()
  await server.close(50)
  await rm(folder, { recursive: true, force: true })
})

async function overSocket(options: ConnectOptions = {}): Promise<Client> {
  const client = await connect({ socket: path, now: () => node.now, ...options })
  clients.push(client)
  return client
}

async function inMemory(options: ConnectOptions = {}): Promise<Client> {
  const client = await connectInMemory(node.router, { now: () => node.now, ...options })
  clients.push(client)
  return client
}

/** Settles to the error of a call that must fail. */
async function failure(call: Promise<unknown>): Promise<VivimError> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(VivimError)
  return error as VivimError
}

async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 5_000
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not come to that in time')
    await sleep(5)
  }
}

describe.each([
  ['over a socket', overSocket],
  ['in memory', inMemory],
])('a client %s', (_, open) => {
  test('calls, and gets typed results and errors', async () => {
    const client = await open()
    const { version } = await client.call('node.version')
    expect(version satisfies string).toBe('0.0.0')
    const unsigned = await failure(client.call('topics.list'))
    expect(unsigned).toMatchObject({ code: 'Unauthorized', hint: 'Call auth.login first.' })
    await client.login({ did: DID })
    const missing = await failure(client.call('topics.get', { id: 'x' }))
    expect(missing).toMatchObject({ code: 'NotFound', message: 'No topic.', field: 'id', hint: 'List them.' })
    // @ts-expect-error a required parameter is missing
    expect(await failure(client.call('topics.get'))).toMatchObject({ code: 'InvalidParams', field: 'id' })
    // @ts-expect-error there is no such method
    expect(await failure(client.call('topics.burn', {}))).toMatchObject({ code: 'MethodNotFound' })
  })

  test('answers find their calls, whatever their order', async () => {
    const client = await open()
    const names = ['rpc.help', 'node.version', 'search.query', 'auth.whoami'] as const
    const helped = await Promise.all(names.map((method) => client.call('rpc.help', { method })))
    expect(helped.map(({ methods }) => methods[0]?.name)).toEqual(names)
  })

  test('an aborted signal ends the call here and there, with its own reason', async () => {
    const client = await open()
    await client.login({ did: DID })
    const controller = new AbortController()
    const call = client.call('capture.conversation', CONVERSATION, { signal: controller.signal })
    await until(() => node.signals.length === 1)
    const reason = new Error('changed my mind')
    controller.abort(reason)
    await expect(call).rejects.toBe(reason)
    await until(() => node.signals[0]?.aborted === true)
    await expect(client.call('node.version', {}, { signal: controller.signal })).rejects.toBe(reason)
    expect(await client.call('node.version')).toMatchObject({ schema: 1 })
  })

  test('a call without an answer in time is Unavailable, and the node is told', async () => {
    const client = await open()
    await client.login({ did: DID })
    const call = client.call('capture.conversation', CONVERSATION, { timeoutMs: 40 })
    expect(await failure(call)).toMatchObject({ code: 'Unavailable' })
    await until(() => node.signals[0]?.aborted === true)
  })

  test('progress reaches the call it belongs to, and listeners', async () => {
    const client = await open()
    await client.login({ did: DID })
    const [first, second, heard]: [unknown[], unknown[], string[]] = [[], [], []]
    const stop = client.onNotification((method) => heard.push(method))
    await client.call('topics.list', {}, { onProgress: (progress) => first.push(progress) })
    await client.call('topics.list', {}, { onProgress: (progress) => second.push(progress) })
    expect(first).toEqual([{ jobId: 'j', done: 1, stage: 'reading' }])
    expect(second).toEqual(first)
    stop()
    await client.call('topics.list')
    expect(heard).toEqual(['progress', 'progress'])
  })

  test('what cannot be sent fails here', async () => {
    const client = await open()
    const cycle: Record<string, unknown> = {}
    cycle.cycle = cycle
    const params = (value: object) => ({ method: 'node.version', params: value as Record<string, unknown> })
    expect(await failure(client.call('rpc.check', params(cycle)))).toMatchObject({ code: 'InvalidParams' })
    const huge = params({ text: 'x'.repeat(17 * 1024 * 1024) })
    expect(await failure(client.call('rpc.check', huge))).toMatchObject({ code: 'TooLarge' })
    expect(await client.call('node.version')).toMatchObject({ schema: 1 })
  })

  test('closing ends what runs and refuses what comes', async () => {
    const client = await open()
    await client.login({ did: DID })
    const call = failure(client.call('capture.conversation', CONVERSATION))
    await until(() => node.signals.length === 1)
    await client.close()
    expect(await call).toMatchObject({ code: 'Unavailable', message: 'The client was closed.' })
    expect(await failure(client.call('node.version'))).toMatchObject({ code: 'Unavailable' })
    await client.close()
  })

  test('a session is refreshed shortly before its end, once for calls that come together', async () => {
    const client = await open()
    const { token } = await client.login({ did: DID })
    node.now += 13 * MINUTE
    await client.call('topics.list')
    expect(node.calls).toEqual(['auth.login', 'topics.list'])
    node.now += 2 * MINUTE
    await Promise.all([client.call('topics.list'), client.call('topics.list'), client.call('acus.list')])
    expect(node.calls.slice(2, 4)).toEqual(['auth.refresh', 'auth.resume'])
    expect(node.calls.filter((name) => name === 'auth.refresh')).toHaveLength(1)
    expect(client.session?.token).not.toBe(token)
    node.now += 400 * MINUTE
    await client.call('topics.list')
    expect(node.calls.filter((name) => name === 'auth.login')).toHaveLength(1)
  })

  test('a token is resumed at once, or refused at once', async () => {
    const first = await open()
    const { token } = await first.login({ did: DID })
    const second = await open({ token })
    expect(second.session).toMatchObject({ did: DID, scopes: ['write'] })
    await second.call('topics.list')
    const wrong = await failure(open({ token: 'never-given-to-anyone-at-all' }))
    expect(wrong).toMatchObject({ code: 'Unauthorized' })
    await second.call('auth.logout')
    expect(second.session).toBeUndefined()
    expect(await failure(second.call('topics.list'))).toMatchObject({ code: 'Unauthorized' })
  })
})

describe('a lost connection', () => {
  test('fails what was under way, sends it never again, and the next call resumes the session', async () => {
    const client = await overSocket()
    await client.login({ did: DID })
    const write = failure(client.call('capture.conversation', CONVERSATION))
    await until(() => node.signals.length === 1)
    await server.close(0)
    const error = await write
    expect(error.code).toBe('Unavailable')
    expect(await failure(client.call('topics.list'))).toMatchObject({
      code: 'Unavailable',
      hint: 'Start it with `vivimd start`.',
    })
    await listen()
    const calls = [client.call('topics.list'), client.call('topics.list'), client.call('acus.list')]
    await Promise.all(calls)
    expect(server.connections).toBe(1)
    expect(node.calls.filter((name) => name === 'auth.resume')).toHaveLength(1)
    expect(node.calls.filter((name) => name === 'auth.login')).toHaveLength(1)
    expect(node.calls.filter((name) => name === 'capture.conversation')).toHaveLength(1)
  })

  test('is opened again once for calls that come together', async () => {
    const client = await overSocket()
    await client.login({ did: DID })
    await server.close(0)
    await listen()
    await Promise.all([client.call('topics.list'), client.call('node.version'), client.call('acus.list')])
    expect(server.connections).toBe(1)
  })

  test('where the node forgot the session, the refresh token makes a new one', async () => {
    const client = await overSocket()
    await client.login({ did: DID })
    await server.close(0)
    node.forget()
    await listen()
    await client.call('topics.list')
    expect(node.calls).toEqual(['auth.login', 'auth.resume', 'auth.refresh', 'auth.resume', 'topics.list'])
  })

  test('calls that need no session do not wait for one', async () => {
    const client = await overSocket()
    const { token } = await client.login({ did: DID })
    await client.close()
    const other = await overSocket({ token })
    await server.close(0)
    node.forget()
    await listen()
    expect(await other.call('node.version')).toMatchObject({ schema: 1 })
    expect(await failure(other.call('topics.list'))).toMatchObject({ code: 'Unauthorized' })
  })
})

describe('without a node', () => {
  test('the error says what to type and names no path', async () => {
    const nowhere = join(folder, 'secret-place.sock')
    const error = await failure(connect({ socket: nowhere }))
    expect(error).toMatchObject({ code: 'Unavailable', hint: 'Start it with `vivimd start`.' })
    expect(JSON.stringify(error.toObject())).not.toContain('secret-place')
    expect(await failure(connect({ socket: `/${'x'.repeat(200)}` }))).toMatchObject({ code: 'TooLarge' })
  })

  test('something else on the socket is told apart', async () => {
    const other = join(folder, 'other.sock')
    const web = createServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
    }).listen(other)
    await new Promise((resolve) => web.once('listening', resolve))
    const client = await overSocket({ socket: other })
    expect(await failure(client.call('node.version'))).toMatchObject({ code: 'Corrupt' })
    await client.close()
    await new Promise((resolve) => web.close(resolve))
  })
})

describe('the default socket', () => {
  test.each([
    [{ VIVIM_SOCKET: '/a/s.sock', VIVIM_HOME: '/b' }, '/a/s.sock'],
    [{ VIVIM_HOME: '/b', XDG_DATA_HOME: '/c' }, '/b/run/vivimd.sock'],
    [{ XDG_DATA_HOME: '/c' }, '/c/vivim/run/vivimd.sock'],
    [{}, expect.stringMatching(/\/\.local\/share\/vivim\/run\/vivimd\.sock$/)],
  ])('%j', (environment, expected) => {
    expect(defaultSocket(environment, '/')).toEqual(expected)
  })
})
