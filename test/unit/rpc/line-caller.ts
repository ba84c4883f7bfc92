import { LineConnection } from '../../../rpc/connection.ts'
import { Router, type RouterOptions, type Serve } from '../../../rpc/router.ts'
import type { RpcCall, RpcSession } from '../../../rpc/types.ts'
import type { Method } from '../../../schema/methods/index.ts'

/** What a router wrote to its log, and what it counted. */
export interface Recorded {
  readonly log: { details: object; message: string }[]
  readonly counts: Map<string, number>
}

export interface TestRouter extends Recorded {
  readonly router: Router
}

export type TestHandlers = Readonly<Record<string, (params: never, call: RpcCall) => unknown>>

/** A router over a small table, with its log and counters recorded. */
export function testRouter(
  methods: Readonly<Record<string, Method>>,
  handlers: TestHandlers,
  options: Partial<RouterOptions> = {},
): TestRouter {
  const log: Recorded['log'] = []
  const counts: Recorded['counts'] = new Map()
  const write = (details: object, message: string) => void log.push({ details, message })
  const serve: Serve = (name, params, call) => handlers[name]?.(params as never, call)
  const count = (name: string) => void counts.set(name, (counts.get(name) ?? 0) + 1)
  const router = new Router(methods, { log: { error: write, warn: write }, count, ...options }, serve)
  return { router, log, counts }
}

/** One connection without a socket: bytes in, lines out. */
export class LineCaller {
  readonly lines: string[] = []
  readonly connection: LineConnection
  closedByNode = false
  reading = true

  constructor(router: Router, options: { ownerSocket?: boolean; now?: () => number } = {}) {
    this.connection = new LineConnection({
      id: 'test',
      ownerSocket: options.ownerSocket ?? true,
      router,
      now: options.now ?? (() => 0),
      count: () => {},
      wire: {
        write: (line) => void this.lines.push(line),
        setReading: (on) => {
          this.reading = on
        },
        close: () => {
          this.closedByNode = true
        },
      },
    })
  }

  /** Sends bytes as they are, waits for every answer, and gives the lines written since the call, parsed. */
  async send(bytes: string | Uint8Array): Promise<unknown[]> {
    const before = this.lines.length
    this.connection.receive(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
    await this.connection.idle()
    return this.lines.slice(before).map((line) => JSON.parse(line))
  }

  /** Sends one request and gives its only answer. */
  async call(method: string, params?: unknown, id: unknown = 1): Promise<Answer> {
    const answers = await this.send(`${JSON.stringify({ jsonrpc: '2.0', method, params, id })}\n`)
    if (answers.length !== 1) throw new Error(`${answers.length} answers to one request`)
    return answers[0] as Answer
  }
}

export interface Answer {
  readonly jsonrpc: string
  readonly id: unknown
  readonly result?: unknown
  readonly error?: {
    code: number
    message: string
    data: { code: string; field?: string; hint?: string; retryAfterMs?: number }
  }
}

export function session(overrides: Partial<RpcSession> = {}): RpcSession {
  return {
    did: 'did:key:zTest',
    deviceDid: 'did:key:zDevice',
    scopes: ['read'],
    maxSecurityLevel: 3,
    expiresAt: 1_000,
    ...overrides,
  }
}
