import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Frontier } from '../../../crdt/frontier.ts'
import type { Replicate } from '../../../daemon/sync/sync-session.ts'
import type { VaultThreadCall, VaultThreadData, VaultThreadNews } from './vault-thread.ts'

/** A vault in a thread of its own, as the main thread of a node sees it. */
export class ThreadedVault implements AsyncDisposable {
  onAnswer: ((value: { readonly frontier?: Frontier }) => void) | undefined
  /** With the key of the newest row. */
  onCommitted: ((newest: string | undefined) => void) | undefined
  onNews: ((frontier: Frontier, written: readonly Uint8Array[]) => void) | undefined
  readonly #thread: Worker
  readonly #open = new Map<number, PromiseWithResolvers<unknown>>()
  #last = 0

  private constructor(thread: Worker) {
    this.#thread = thread
    thread.on('message', (news: VaultThreadNews) => this.#hear(news))
  }

  static async open(identity: VaultThreadData['identity']): Promise<ThreadedVault> {
    const thread = vaultThread({ identity, rows: 0 })
    await once(thread, 'message')
    return new ThreadedVault(thread)
  }

  readonly replicate: Replicate = ((action: string, params: unknown) => {
    const call = Promise.withResolvers<unknown>()
    this.#open.set(++this.#last, call)
    const { type: _, ...rest } = params as Record<string, unknown>
    this.#say({ id: this.#last, action, params: rest })
    return call.promise
  }) as Replicate

  write(key: string): void {
    this.#say({ write: key })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#say('close')
    await once(this.#thread, 'exit')
  }

  #say(call: VaultThreadCall): void {
    this.#thread.postMessage(call)
  }

  #hear(news: VaultThreadNews): void {
    if (news === 'ready') return
    if ('committed' in news) this.onCommitted?.(news.committed)
    else if ('frontier' in news) this.onNews?.(news.frontier, news.written)
    else this.#answer(news)
  }

  #answer({ id, value, error }: Extract<VaultThreadNews, { id: number }>): void {
    if (error) this.#open.get(id)?.reject(error)
    else this.#open.get(id)?.resolve(value)
    this.#open.delete(id)
    this.onAnswer?.((value ?? {}) as { frontier?: Frontier })
  }
}

export function vaultThread(workerData: VaultThreadData): Worker {
  return new Worker(new URL('./vault-thread.ts', import.meta.url), { workerData })
}
