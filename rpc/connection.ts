import { VivimError } from '../schema/errors.ts'
import { LIMITS } from '../schema/limits.ts'
import { errorResponse } from './envelope.ts'
import { encodeLine, type Frame, LineDecoder } from './framing.ts'
import type { Router } from './router.ts'
import { SessionHolder } from './session-holder.ts'
import type { Count, RpcConnection, RpcSession, SessionSource } from './types.ts'

/** What a connection needs of its transport. */
export interface Wire {
  write(line: string): void
  /** Asks for fewer bytes, or for more again. */
  setReading(on: boolean): void
  /** Closes once everything written has left. */
  close(): void
}

export interface ConnectionOptions {
  readonly id: string
  readonly ownerSocket: boolean
  readonly router: Router
  readonly wire: Wire
  /** Milliseconds since 1970. */
  readonly now: () => number
  readonly count: Count
}

/** Requests whose bytes add up to this are answered before more is read, so that a flood of large ones stays small. */
const UNANSWERED_BYTES = 2 * LIMITS.rpcLineBytes
const MINUTE_MS = 60_000

/** A caller's connection over any byte stream: cuts lines, routes them, writes the answers. */
export class LineConnection implements RpcConnection {
  readonly id: string
  readonly ownerSocket: boolean
  readonly #router: Router
  readonly #wire: Wire
  readonly #now: () => number
  readonly #count: Count
  readonly #session: SessionHolder
  readonly #decoder = new LineDecoder(LIMITS.rpcLineBytes)
  readonly #closed = new AbortController()
  readonly #idleListeners: (() => void)[] = []
  #oversizedAt: number[] = []
  #unanswered = 0
  #unansweredBytes = 0

  constructor({ id, ownerSocket, router, wire, now, count }: ConnectionOptions) {
    this.id = id
    this.ownerSocket = ownerSocket
    this.#router = router
    this.#wire = wire
    this.#now = now
    this.#count = count
    this.#session = new SessionHolder(now)
  }

  get session(): RpcSession | undefined {
    return this.#session.current
  }

  requireSession(): RpcSession {
    return this.#session.require()
  }

  bind(session: RpcSession | SessionSource | undefined): void {
    this.#session.bind(session)
  }

  get signal(): AbortSignal {
    return this.#closed.signal
  }

  notify(method: string, params: object): void {
    this.#write(encodeLine({ jsonrpc: '2.0', method, params }))
  }

  /** Takes bytes of the caller. */
  receive(chunk: Uint8Array): void {
    for (const frame of this.#decoder.push(chunk)) {
      if (this.signal.aborted) return
      this.#take(frame)
    }
  }

  /** The caller has sent its last byte; it may still read. */
  receiveEnd(): void {
    const frame = this.#decoder.end()
    if (frame !== undefined && !this.signal.aborted) this.#take(frame)
  }

  /** Resolves when every request taken so far is answered. */
  idle(): Promise<void> {
    if (this.#unanswered === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idleListeners.push(resolve))
  }

  /** Answers what still runs with `reason`; the connection stays open. */
  abandon(reason: VivimError): void {
    this.#router.abandon(this, reason)
  }

  /** The transport is gone: nothing more is written, and what runs is told to stop. */
  close(): void {
    if (this.signal.aborted) return
    const reason = new VivimError('Unavailable', 'The caller left.')
    this.#closed.abort(reason)
    this.#router.abandon(this, reason)
  }

  #take(frame: Frame): void {
    if (frame.kind === 'line') void this.#answer(frame.text)
    else if (frame.kind === 'encoding') this.#refuse(new VivimError('ParseError'))
    else this.#oversized()
  }

  async #answer(text: string): Promise<void> {
    this.#unanswered++
    this.#unansweredBytes += text.length
    if (this.#unansweredBytes > UNANSWERED_BYTES) this.#wire.setReading(false)
    const reply = await this.#router.receive(text, this)
    if (reply !== undefined) this.#write(`${reply}\n`)
    this.#unanswered--
    this.#unansweredBytes -= text.length
    if (this.#unansweredBytes <= UNANSWERED_BYTES) this.#wire.setReading(true)
    if (this.#unanswered === 0) for (const listener of this.#idleListeners.splice(0)) listener()
  }

  #oversized(): void {
    const now = this.#now()
    this.#oversizedAt = this.#oversizedAt.filter((at) => now - at < MINUTE_MS)
    this.#oversizedAt.push(now)
    this.#refuse(new VivimError('TooLarge', `A line holds ${LIMITS.rpcLineBytes} bytes at most.`))
    if (this.#oversizedAt.length <= LIMITS.rpcOversizedPerMinute) return
    this.#count('rpc.refused.oversizedLines')
    this.#wire.close()
    this.close()
  }

  #refuse(error: VivimError): void {
    this.#count(`rpc.refused.${error.code}`)
    this.#write(encodeLine(errorResponse(null, error)))
  }

  #write(line: string): void {
    if (!this.signal.aborted) this.#wire.write(line)
  }
}
