import { chmod, lstat, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { listenOnSocket, type SocketServer, type SocketServerOptions } from '../../../rpc/socket-server.ts'
import type { RpcCall } from '../../../rpc/types.ts'
import type { VivimError } from '../../../schema/errors.ts'
import { LIMITS } from '../../../schema/limits.ts'
import { defineMethod } from '../../../schema/methods/method.ts'
import { type Answer, type TestRouter, testRouter } from './line-caller.ts'

const any = defineMethod({
  summary: 'x',
  access: 'open',
  params: z.looseObject({}),
  result: z.looseObject({}),
  errors: [],
  examples: [],
})

let folder: string
let path: string
let routed: TestRouter
let server: SocketServer | undefined
const sockets: Socket[] = []
const signals: AbortSignal[] = []

const HANDLERS = {
  ping: () => ({}),
  echo: (params: unknown) => params,
  big: ({ size }: { size: number }) => ({ text: 'x'.repeat(size) }),
  slow: async ({ ms }: { ms: number }, { signal }: RpcCall) => {
    signals.push(signal)
    await sleep(ms)
    return { ms }
  },
  never: (_: unknown, { signal }: RpcCall) => {
    signals.push(signal)
    return new Promise(() => {})
  },
  flood: (_: unknown, { connection }: RpcCall) => {
    for (let index = 0; index < 200; index++) connection.notify('event', { text: 'x'.repeat(1_000_000) })
    return {}
  },
}
const TABLE = Object.fromEntries(Object.keys(HANDLERS).map((name) => [name, any]))

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vivim-rpc-'))
  path = join(folder, 'run', 'vivimd.sock')
  routed = testRouter(TABLE, HANDLERS)
})

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  await server?.close(100)
  server = undefined
  signals.length = 0
  await rm(folder, { recursive: true, force: true })
})

async function listen(options: Partial<SocketServerOptions> = {}): Promise<SocketServer> {
  const { router, log, counts } = routed
  server = await listenOnSocket({
    path,
    router,
    holdsLock: true,
    ownsDirectory: true,
    log: { error: (details, message) => log.push({ details, message }), warn: () => {} },
    now: Date.now,
    count: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1),
    ...options,
  })
  return server
}

function dial(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => resolve(socket))
    sockets.push(socket)
    socket.once('error', reject)
    socket.on('error', () => {})
  })
}

/** The next `count` lines, or those before the connection ends. */
function lines(socket: Socket, count: number): Promise<Answer[]> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let newlines = 0
    const finish = () => {
      socket.off('data', take)
      const texts = Buffer.concat(chunks).toString().split('\n').slice(0, -1)
      resolve(texts.map((text) => JSON.parse(text)))
    }
    const take = (chunk: Buffer) => {
      chunks.push(chunk)
      for (let at = chunk.indexOf('\n'); at !== -1; at = chunk.indexOf('\n', at + 1)) newlines++
      if (newlines >= count) finish()
    }
    socket.on('data', take)
    socket.once('close', finish)
  })
}

const request = (method: string, params: object = {}, id: unknown = 1) =>
  `${JSON.stringify({ jsonrpc: '2.0', method, params, id })}\n`

async function ask(
  socket: Socket,
  method: string,
  params: object = {},
  id: unknown = 1,
): Promise<Answer | undefined> {
  const answer = lines(socket, 1)
  socket.write(request(method, params, id))
  return (await answer)[0]
}

async function until(condition: () => boolean, ms = 5_000): Promise<void> {
  const end = performance.now() + ms
  while (!condition()) {
    if (performance.now() > end) throw new Error('it did not come to that in time')
    await sleep(5)
  }
}

describe('the socket', () => {
  test('is 0600 in a folder 0700, also when the folder was open before and under a loose mask', async () => {
    await mkdir(join(folder, 'run'), { mode: 0o755 })
    const mask = process.umask(0)
    try {
      await listen()
      expect(process.umask()).toBe(0)
    } finally {
      process.umask(mask)
    }
    expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o700)
    expect((await lstat(path)).mode & 0o777).toBe(0o600)
    expect(await ask(await dial(), 'ping')).toEqual({ jsonrpc: '2.0', id: 1, result: {} })
  })

  test("leaves folders that are not the node's own as they are, and refuses those others can write to", async () => {
    await mkdir(join(folder, 'run'), { mode: 0o755 })
    await chmod(join(folder, 'run'), 0o755)
    await (await listen({ ownsDirectory: false })).close()
    expect((await stat(join(folder, 'run'))).mode & 0o777).toBe(0o755)
    await chmod(join(folder, 'run'), 0o777)
    await expect(listen({ ownsDirectory: false })).rejects.toMatchObject({ code: 'Forbidden' })
    await chmod(join(folder, 'run'), 0o1777)
    await expect(listen({ ownsDirectory: false })).resolves.toBeDefined()
  })

  test('a path that the kernel would cut is refused in words, without naming it', async () => {
    const long = join(folder, 'x'.repeat(LIMITS.socketPathBytes))
    const refusal = await listen({ path: long }).catch((error: VivimError) => error)
    expect(refusal).toMatchObject({ code: 'TooLarge', message: expect.stringContaining('103') })
    expect((refusal as VivimError).message).not.toContain('xxx')
    const most = join(folder, 'y'.repeat(LIMITS.socketPathBytes - folder.length - 1))
    expect(Buffer.byteLength(most)).toBe(LIMITS.socketPathBytes)
    await listen({ path: most })
    expect((await lstat(most)).isSocket()).toBe(true)
  })

  test('a living one is never taken, a stale one only under the lock, anything else never', async () => {
    await listen()
    await expect(listen()).rejects.toMatchObject({ code: 'Conflict' })
    expect(await ask(await dial(), 'ping')).toMatchObject({ result: {} })
    await server?.close()

    await mkdir(join(folder, 'run'), { recursive: true })
    await staleSocket(path)
    await expect(listen({ holdsLock: false })).rejects.toMatchObject({ code: 'Conflict' })
    expect((await lstat(path)).isSocket()).toBe(true)
    await listen()
    expect(await ask(await dial(), 'ping')).toMatchObject({ result: {} })
    await server?.close()

    await writeFile(path, 'precious')
    await expect(listen()).rejects.toMatchObject({ code: 'Conflict' })
    expect((await lstat(path)).isFile()).toBe(true)
    await rm(path)
    await symlink(join(folder, 'elsewhere'), path)
    await expect(listen()).rejects.toMatchObject({ code: 'Conflict' })
  })
})

/** A socket file that nobody listens on, as a killed process leaves it. */
async function staleSocket(at: string): Promise<void> {
  const { spawn } = await import('node:child_process')
  const script = `require('node:net').createServer().listen(${JSON.stringify(at)}, () => process.kill(process.pid, 'SIGKILL'))`
  const child = spawn(process.execPath, ['-e', script])
  await new Promise((resolve) => child.once('exit', resolve))
}

describe('connections', () => {
  test('200 at once each get their own answers', async () => {
    await listen()
    const dialled = await Promise.all(Array.from({ length: 200 }, dial))
    await until(() => server?.connections === 200)
    const answers = await Promise.all(
      dialled.map(async (socket, caller) => {
        const answered = lines(socket, 20)
        for (let id = 0; id < 20; id++) socket.write(request('echo', { caller, id }, id))
        return answered
      }),
    )
    for (const [caller, own] of answers.entries()) {
      expect(own.map(({ result }) => result)).toEqual(Array.from({ length: 20 }, (_, id) => ({ caller, id })))
    }
    for (const socket of dialled) socket.destroy()
    await until(() => server?.connections === 0)
  })

  test('one over the limit is told so and closed; a freed place is taken again', async () => {
    await listen()
    for (let index = 0; index < LIMITS.rpcConnections; index++) await dial()
    await until(() => server?.connections === LIMITS.rpcConnections)
    const late = await dial()
    expect(await lines(late, 2)).toMatchObject([
      { id: null, error: { code: -32014, data: { code: 'RateLimited' } } },
    ])
    expect(server?.connections).toBe(LIMITS.rpcConnections)
    sockets[0]?.destroy()
    await until(() => server?.connections === LIMITS.rpcConnections - 1)
    expect(await ask(await dial(), 'ping')).toMatchObject({ result: {} })
  })

  test('a caller that leaves aborts its calls', async () => {
    await listen()
    const socket = await dial()
    socket.write(request('never'))
    await until(() => signals.length === 1)
    expect(signals[0]?.aborted).toBe(false)
    socket.destroy()
    await until(() => signals[0]?.aborted === true, 20_000)
    expect(server?.connections).toBe(0)
  })

  test('a caller that has said everything still gets its answers, then the end', async () => {
    await listen()
    const socket = await dial()
    const answered = lines(socket, 9)
    socket.end(request('slow', { ms: 50 }, 1) + request('ping', {}, 2).trimEnd())
    expect((await answered).map(({ id }) => id)).toEqual([2, 1])
  })

  test('a line of 20 MiB is answered once and costs no memory', async () => {
    await listen()
    const socket = await dial()
    const answered = lines(socket, 2)
    const before = process.memoryUsage().rss
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    for (let index = 0; index < 20; index++) {
      if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve))
    }
    socket.write(`\n${request('ping', {}, 'after')}`)
    expect(await answered).toMatchObject([
      { id: null, error: { code: -32013 } },
      { id: 'after', result: {} },
    ])
    expect(process.memoryUsage().rss - before).toBeLessThan(120e6)
  })
})

describe('slow readers', () => {
  test('one that is sent more than the limit is cut, others notice nothing', async () => {
    await listen()
    const [slow, other] = [await dial(), await dial()]
    slow.pause()
    slow.write(request('flood'))
    await until(() => routed.counts.get('rpc.refused.slowReader') !== undefined, 20_000)
    await until(() => server?.connections === 1)
    expect(await ask(other, 'ping')).toMatchObject({ result: {} })
    expect(routed.counts.get('rpc.refused.slowReader')).toBe(1)
  })

  test('one that asks and does not read is not read either', async () => {
    await listen()
    const slow = await dial()
    slow.pause()
    const asked = 1_500
    for (let id = 0; id < asked; id++)
      slow.write(request('big', { size: 50_000, pad: 'x'.repeat(5_000) }, id))
    await sleep(300)
    const served = routed.counts.get('rpc.calls.big') ?? 0
    expect(served).toBeLessThan(asked / 4)
    const answered = lines(slow, asked)
    slow.resume()
    expect((await answered).filter(({ error }) => error === undefined)).toHaveLength(asked)
    expect(routed.counts.get('rpc.refused.slowReader')).toBeUndefined()
  })
})

describe('closing', () => {
  test('answers what runs, takes nothing new and leaves no socket', async () => {
    await listen()
    const socket = await dial()
    const answered = lines(socket, 9)
    socket.write(request('slow', { ms: 200 }, 'running'))
    await until(() => signals.length === 1)
    const closing = server?.close(5_000)
    await expect(dial()).rejects.toThrow()
    socket.write(request('ping', {}, 'late'))
    expect(await answered).toEqual([{ jsonrpc: '2.0', id: 'running', result: { ms: 200 } }])
    await closing
    await expect(lstat(path)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('past its budget it answers that the node is stopping', async () => {
    await listen()
    const [socket, idle, deaf] = [await dial(), await dial(), await dial()]
    const answered = lines(socket, 9)
    deaf.pause()
    deaf.write(request('big', { size: 20_000_000 }))
    socket.write(request('never', {}, 'stuck'))
    await until(() => signals.length === 1 && (server?.connections ?? 0) === 3)
    const started = performance.now()
    await server?.close(100)
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(await answered).toMatchObject([
      { id: 'stuck', error: { code: -32016, message: 'The node is stopping.' } },
    ])
    await until(() => idle.closed || idle.readableEnded || idle.destroyed)
    expect(signals[0]?.aborted).toBe(true)
  })

  test('a server of someone else at the path is not harmed', async () => {
    await mkdir(join(folder, 'run'))
    const theirs = createServer((socket) => socket.on('error', () => {}).end('hello\n')).listen(path)
    await new Promise((resolve) => theirs.once('listening', resolve))
    await expect(listen()).rejects.toMatchObject({ code: 'Conflict' })
    expect((await lstat(path)).isSocket()).toBe(true)
    await new Promise((resolve) => theirs.close(resolve))
  })
})
