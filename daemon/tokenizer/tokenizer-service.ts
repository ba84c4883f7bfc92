import { once } from 'node:events'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'

/** A thread that passes this is ended and started again at the next connection. */
const HEAP_MB = 256
/** Pieces of texts live shortly; what the young generation took stays resident. */
const YOUNG_MB = 4

/**
 * One tokenizer thread for the node, started at the first connection: an encoding costs 150 ms and 5 MB, so
 * users' workers share it. It keeps no text. Owned by the main thread.
 */
export class TokenizerService {
  #thread: Worker | undefined

  /** A port to hand to a user's worker, in the transfer list; there a `PortTokenCounter` wraps it. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#running().postMessage(port1, [port1])
    return port2
  }

  async stop(): Promise<void> {
    const thread = this.#thread
    if (!thread) return
    this.#thread = undefined
    thread.ref()
    const exit = once(thread, 'exit')
    thread.postMessage(null)
    await exit
  }

  #running(): Worker {
    if (this.#thread) return this.#thread
    const thread = new Worker(new URL(threadFile(), import.meta.url), {
      name: 'tokenizer',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: YOUNG_MB },
    })
    this.#thread = thread
    thread.unref()
    const forget = () => {
      if (this.#thread === thread) this.#thread = undefined
    }
    thread.on('error', forget)
    thread.on('exit', forget)
    return thread
  }
}

/** Beside this file, with its own ending: `.ts` in the sources, `.js` once built. */
function threadFile(): string {
  return import.meta.url.endsWith('.ts') ? './tokenizer-thread.ts' : './tokenizer-thread.js'
}
