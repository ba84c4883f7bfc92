import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from '../../rpc/client/index.ts'
import { ERROR_CODES } from '../../schema/errors.ts'
import { packChatgpt } from '../demo/samples/pack.ts'
import { VIVIMD } from '../support/repository.ts'
import { TestNode } from '../support/test-node.ts'

/** Whatever comes in: a typed error, nothing changed, and the next call works. */
describe('bad input', { timeout: 120_000 }, () => {
  let node: TestNode
  let client: Client
  let did: string
  let raw: RawLines
  let digest: string | null

  beforeAll(async () => {
    node = await TestNode.start()
    ;({ client, did } = await node.user())
    const path = join(node.folder, 'good.zip')
    await packChatgpt(path)
    await client.call('capture.import', { path, wait: 'indexed' })
    digest = await stateDigest()
    const { socket } = await client.call('node.status')
    raw = new RawLines(connect(socket))
    await raw.call({ jsonrpc: '2.0', id: 1, method: 'auth.login', params: { did } })
  }, 60_000)
  afterAll(async () => {
    raw?.close()
    await node?.dispose()
  })

  const stateDigest = async () => (await client.call('sync.status', {})).spaces[0]!.stateDigest

  async function stillFine(): Promise<void> {
    expect(await raw.call({ jsonrpc: '2.0', id: 'next', method: 'auth.whoami' })).toMatchObject({
      id: 'next',
      result: { did },
    })
    expect(await stateDigest()).toBe(digest)
  }

  function expectTyped(answer: unknown, number: number): void {
    const { error } = answer as { error: { code: number; message: string; data: { code: string } } }
    expect(error.code).toBe(number)
    expect(Object.keys(ERROR_CODES)).toContain(error.data.code)
    const text = JSON.stringify(error)
    expect(text).not.toContain(node.folder)
    expect(text).not.toMatch(/\bat .*:\d+:\d+|node_modules|\.ts\b/)
  }

  const lines: Record<string, [line: string | Buffer, number: number]> = {
    'malformed JSON': ['{"jsonrpc":"2.0","id":1,"method":', -32700],
    'not a request': ['{"method":1}', -32600],
    'a bare number': ['7', -32600],
    'an empty batch': ['[]', -32600],
    'an unknown method': ['{"jsonrpc":"2.0","id":1,"method":"conversations.steal"}', -32601],
    'an unknown parameter': [
      '{"jsonrpc":"2.0","id":1,"method":"conversations.list","params":{"user":"x"}}',
      -32602,
    ],
    'a wrong type': ['{"jsonrpc":"2.0","id":1,"method":"search.query","params":{"query":7}}', -32602],
    'too many parameters by position': [
      '{"jsonrpc":"2.0","id":1,"method":"search.query","params":["tea","milk"]}',
      -32602,
    ],
    'a prototype name': ['{"jsonrpc":"2.0","id":1,"method":"__proto__"}', -32601],
    'a made-up cursor': [
      '{"jsonrpc":"2.0","id":1,"method":"conversations.list","params":{"cursor":"!!"}}',
      -32602,
    ],
    'bytes that are no UTF-8': [Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), -32700],
    'a line of 20 MiB': [Buffer.alloc(20 * 1024 * 1024, 0x61), -32013],
    'a path that is not there': [
      '{"jsonrpc":"2.0","id":1,"method":"capture.import","params":{"path":"/nowhere/at/all.json"}}',
      -32004,
    ],
    'a relative path': [
      '{"jsonrpc":"2.0","id":1,"method":"capture.import","params":{"path":"all.json"}}',
      -32602,
    ],
    'a number too large': [
      '{"jsonrpc":"2.0","id":1,"method":"context.compile","params":{"message":"x","maxTokens":1e30}}',
      -32602,
    ],
    'somebody else’s token': [
      `{"jsonrpc":"2.0","id":1,"method":"auth.resume","params":{"token":"${'x'.repeat(43)}"}}`,
      -32001,
    ],
  }
  test.each(Object.entries(lines))('%s', async (_, [line, number]) => {
    expectTyped(await raw.send(line), number)
    await stillFine()
  })

  test('files that are no export: an unknown file, a text file, an empty one, broken JSON, truncated zips', async () => {
    const whole = readFileSync(join(node.folder, 'good.zip'))
    const files: Record<string, Buffer> = {
      'picture.png': Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex'),
      'object.json': Buffer.from('{"hello": "world"}'),
      'empty.json': Buffer.alloc(0),
      'broken.json': Buffer.from('[{"mapping": {'),
      ...Object.fromEntries(
        [1, 4, 30, 1_000, Math.floor(whole.length / 2), whole.length - 1].map((size) => [
          `cut-${size}.zip`,
          whole.subarray(0, size),
        ]),
      ),
    }
    for (const [name, bytes] of Object.entries(files)) {
      const path = join(node.folder, name)
      writeFileSync(path, bytes)
      const answer = (await raw.call({
        jsonrpc: '2.0',
        id: name,
        method: 'capture.import',
        params: { path, wait: 'indexed' },
      })) as {
        error?: unknown
        result?: { report: { state: string; conversations: object; errors: unknown[] } }
      }
      if (answer.error === undefined) {
        expect(answer.result!.report.errors.length, name).toBeGreaterThan(0)
        expect(answer.result!.report.conversations, name).toMatchObject({ created: 0, updated: 0 })
        expect(JSON.stringify(answer.result), name).not.toContain(node.folder)
      } else {
        const { code } = answer.error as { code: number }
        expect([-32602, -32018, -32013], name).toContain(code)
        expectTyped(answer, code)
      }
    }
    await stillFine()
  })

  test('a wrong passphrase: one refusal, whoever asks for whomever', async () => {
    const owner = await node.client()
    const { did: sealed } = await owner.call('users.create', {
      displayName: 'Sealed',
      passphrase: 'right and long',
    })
    await owner.call('users.lock', { did: sealed })
    const refusals = await Promise.all(
      [
        { did: sealed, passphrase: 'wrong' },
        { did: sealed },
        { did: 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK', passphrase: 'wrong' },
      ].map((params) =>
        owner.call('auth.login', params).then(
          () => undefined,
          (error) => ({ code: error.code, message: error.message }),
        ),
      ),
    )
    expect(refusals[0]).toMatchObject({ code: 'Unauthorized' })
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1)
    await owner.call('auth.login', { did: sealed, passphrase: 'right and long' })
    await stillFine()
  })

  test('the command line says it in one line, with the exit code of the contract', async () => {
    const run = (...args: string[]) => node.run(...args)
    const cases: [args: string[], status: number][] = [
      [['frobnicate'], 2],
      [['--user', did, 'search'], 2],
      [['call', 'no.such.method'], 2],
      [['--user', did, 'import', '/nowhere/at/all.zip'], 5],
      [['--user', did, 'conversations', 'show', 'nothing'], 5],
      [['--user', 'Nobody', 'search', 'tea'], 5],
    ]
    for (const [args, status] of cases) {
      const result = run(...args)
      expect([status, status === 5 ? 2 : status], `${args.join(' ')}: ${result.stderr}`).toContain(
        result.status,
      )
      expect(result.stderr.trim().split('\n').length, args.join(' ')).toBeLessThanOrEqual(2)
      expect(result.stderr).not.toMatch(/\bat .*:\d+:\d+|node_modules/)
    }
    const json = run('--json', '--user', did, 'call', 'conversations.get', 'id=nothing')
    expect(JSON.parse(json.stdout)).toMatchObject({ error: { code: 'NotFound' } })
    await stillFine()
  })

  test('no node: exit 3 and the command to type', async () => {
    const other = TestNode.create()
    try {
      const result = other.run('status')
      expect(result.status).toBe(3)
      expect(result.stderr).toContain('vivimd start')
      expect(JSON.parse(other.run('status', '--json').stdout)).toMatchObject({
        error: { code: 'Unavailable' },
      })
    } finally {
      await other.dispose()
    }
  })

  test('a second node over the same home says who holds it', async () => {
    const child = spawn(process.execPath, [VIVIMD, 'start', '--foreground'], { env: node.env })
    let text = ''
    child.stderr.on('data', (chunk) => {
      text += chunk
    })
    const status = await new Promise((resolve) => child.once('close', resolve))
    expect(status).toBe(6)
    expect(text).toContain(String(node.pid))
    await stillFine()
  })
})

/** A socket spoken to line by line, without the client. */
class RawLines {
  readonly #socket: Socket
  readonly #waiting: ((answer: unknown) => void)[] = []

  constructor(socket: Socket) {
    this.#socket = socket
    createInterface({ input: socket }).on('line', (line) => {
      const answer = JSON.parse(line)
      if (!('method' in answer)) this.#waiting.shift()?.(answer)
    })
  }

  call(request: object): Promise<unknown> {
    return this.send(JSON.stringify(request))
  }

  send(line: string | Buffer): Promise<unknown> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#socket.write(line)
      this.#socket.write('\n')
    })
  }

  close(): void {
    this.#socket.destroy()
  }
}
