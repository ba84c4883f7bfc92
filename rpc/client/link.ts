import { codeOfNumber, ERROR_CODES, type ErrorData, VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { encodeLine, LineDecoder } from '../framing.ts'
import { CANCEL, PROGRESS } from '../notifications.ts'
import type { RpcProgress } from '../types.ts'
import type { Dial, Transport } from './transport.ts'
import type { NotificationListener } from './types.ts'

export interface LinkCall {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: RpcProgress) => void) | undefined
}

interface Pending {
  resolve(result: unknown): void
  reject(error: unknown): void
  readonly onProgress: LinkCall['onProgress']
}

interface Response {
  readonly id?: unknown
  readonly method?: unknown
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { code: number; message: string; data?: Partial<ErrorData> }
}

/** Answers are lines up to what the node holds for one reader, and the names around it. */
const ANSWER_BYTES = LIMITS.rpcSlowReaderBytes + 1024 * 1024

/** One live connection: numbers requests, matches answers to them, and fails them all when it is lost. */
export class Link {
  /** The node knows which session this connection has. */
  bound = false
  readonly #notify: NotificationListener
  readonly #decoder = new LineDecoder(ANSWER_BYTES)
  readonly #pending = new Map<number, Pending>()
  #transport: Transport | undefined
  #lastId = 0
  #fault: VivimError | undefined
  #closed = false

  private constructor(notify: NotificationListener) {
    this.#notify = notify
  }

  static async open(dial: Dial, notify: NotificationListener): Promise<Link> {
    const link = new Link(notify)
    link.#transport = await dial({ bytes: (chunk) => link.#receive(chunk), closed: () => link.#lost() })
    return link
  }

  get closed(): boolean {
    return this.#closed
  }

  call(method: string, params: unknown, { timeoutMs, signal, onProgress }: LinkCall): Promise<unknown> {
    const id = ++this.#lastId
    const line = requestLine(id, method, params)
    if (this.#closed) return Promise.reject(this.#fault ?? lostConnection())
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', abort)
        this.#pending.delete(id)
      }
      const giveUp = (reason: unknown) => {
        finish()
        this.#transport?.send(encodeLine({ jsonrpc: '2.0', method: CANCEL, params: { id } }))
        reject(reason)
      }
      const abort = () => giveUp(signal?.reason)
      const timer = setTimeout(() => giveUp(noAnswer(timeoutMs)), timeoutMs)
      signal?.addEventListener('abort', abort, { once: true })
      this.#pending.set(id, {
        onProgress,
        resolve: (result) => {
          finish()
          resolve(result)
        },
        reject: (error) => {
          finish()
          reject(error)
        },
      })
      this.#transport?.send(line)
    })
  }

  async close(): Promise<void> {
    this.#fault ??= new VivimError('Unavailable', 'The client was closed.')
    await this.#transport?.close()
    this.#lost()
  }

  #receive(chunk: Uint8Array): void {
    for (const frame of this.#decoder.push(chunk)) {
      const message = frame.kind === 'line' ? parse(frame.text) : undefined
      if (message === undefined) this.#broken()
      else if (typeof message.method === 'string') this.#notification(message.method, message.params)
      else this.#answer(message)
    }
  }

  #notification(method: string, params: unknown): void {
    if (method === PROGRESS) {
      const { requestId, ...progress } = params as RpcProgress & { requestId: unknown }
      if (typeof requestId === 'number') this.#pending.get(requestId)?.onProgress?.(progress)
    }
    this.#notify(method, params)
  }

  #answer({ id, result, error }: Response): void {
    // Without an id it is about the connection: why it is about to be closed.
    if (typeof id !== 'number') {
      if (error !== undefined) this.#fault = errorOf(error)
      return
    }
    const pending = this.#pending.get(id)
    if (error === undefined) pending?.resolve(result)
    else pending?.reject(errorOf(error))
  }

  #broken(): void {
    this.#fault = new VivimError('Corrupt', 'What answers on the socket does not speak JSON-RPC.')
    void this.#transport?.close()
  }

  #lost(): void {
    if (this.#closed) return
    this.#closed = true
    for (const { reject } of [...this.#pending.values()]) reject(this.#fault ?? lostConnection())
  }
}

function requestLine(id: number, method: string, params: unknown): string {
  let line: string
  try {
    line = encodeLine({ jsonrpc: '2.0', id, method, params })
  } catch (error) {
    throw new VivimError('InvalidParams', 'The parameters cannot be written as JSON.', { cause: error })
  }
  if (Buffer.byteLength(line) - 1 <= LIMITS.rpcLineBytes) return line
  throw new VivimError('TooLarge', `A request holds ${LIMITS.rpcLineBytes} bytes at most.`)
}

function parse(text: string): Response | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Response) : undefined
  } catch {
    return undefined
  }
}

function errorOf({ code: number, message, data = {} }: NonNullable<Response['error']>): VivimError {
  const { code, field, hint, retryAfterMs } = data
  const known = code !== undefined && Object.hasOwn(ERROR_CODES, code) ? code : codeOfNumber(number)
  return new VivimError(known ?? 'Internal', message, {
    field,
    hint,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  })
}

function lostConnection(): VivimError {
  const hint = 'The call may have been carried out; ask again before repeating a write.'
  return new VivimError('Unavailable', 'The connection to the node was lost.', { hint })
}

function noAnswer(timeoutMs: number): VivimError {
  return new VivimError('Unavailable', `The node gave no answer within ${timeoutMs / 1000} s.`)
}
