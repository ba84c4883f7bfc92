import type { MessagePort } from 'node:worker_threads'
import { VivimError } from '../../schema/errors.ts'
import type { TokenCounter } from '../context/token-counter.ts'
import type { CountReply, CountRequest } from './wire.ts'

interface Waiting {
  resolve(counts: number[]): void
  reject(error: VivimError): void
  readonly timer: NodeJS.Timeout
}

/**
 * A counter over a port to the tokenizer thread. A count that takes longer than `deadlineMs`, and every count after
 * the thread is gone, fails with `Unavailable`. The port does not keep its thread alive while nothing is counted.
 */
export class PortTokenCounter implements TokenCounter {
  readonly #port: MessagePort
  readonly #deadlineMs: number
  readonly #waiting = new Map<number, Waiting>()
  #last = 0
  #closed = false

  constructor(port: MessagePort, deadlineMs = 2_000) {
    this.#port = port
    this.#deadlineMs = deadlineMs
    port.on('message', (reply: CountReply) => this.#settle(reply))
    port.on('close', () => this.#lose())
    port.unref()
  }

  count(texts: readonly string[], tokenizer: CountRequest['tokenizer']): Promise<number[]> {
    if (this.#closed) return Promise.reject(unavailable())
    if (texts.length === 0) return Promise.resolve([])
    const id = ++this.#last
    return new Promise((resolve, reject) => {
      // The answer holds the thread alive no longer than the deadline does.
      const timer = setTimeout(() => this.#settle({ id }), this.#deadlineMs)
      this.#waiting.set(id, { resolve, reject, timer })
      this.#port.postMessage({ id, texts, tokenizer } satisfies CountRequest)
    })
  }

  close(): void {
    this.#port.close()
    this.#lose()
  }

  #settle({ id, counts }: CountReply): void {
    const waiting = this.#waiting.get(id)
    if (!waiting) return
    this.#waiting.delete(id)
    clearTimeout(waiting.timer)
    if (counts) waiting.resolve(counts)
    else waiting.reject(unavailable())
  }

  #lose(): void {
    this.#closed = true
    for (const id of [...this.#waiting.keys()]) this.#settle({ id })
  }
}

function unavailable(): VivimError {
  return new VivimError('Unavailable', 'Tokens cannot be counted now.')
}
