import { VivimError } from '../../schema/errors.ts'
import type { ContextBundle, TokenizerName } from '../../schema/methods/context.ts'
import type { Params, Result } from '../../schema/methods/index.ts'
import type { Vault } from '../vault/vault.ts'
import { ContextAssembler } from './context-assembler.ts'
import { Retriever } from './retriever.ts'
import { search } from './search.ts'
import { Titles } from './titles.ts'
import type { TokenCounter } from './token-counter.ts'
import { BYTE_BOUND, TokenSizes } from './token-sizes.ts'

/** Counting gets this long; then a bundle is made without it. */
const COUNTING_MS = 3_000

/** The context engine of one person: owns its parts, and shares nothing with any other person's. */
export class ContextOrchestrator {
  readonly #retriever: Retriever
  readonly #titles: Titles
  readonly #assembler: ContextAssembler
  readonly #counter: TokenCounter
  readonly #sizes: TokenSizes

  constructor(vault: Vault, counter: TokenCounter) {
    this.#retriever = new Retriever(vault)
    this.#titles = new Titles(vault, this.#retriever.corpus)
    this.#assembler = new ContextAssembler(vault, this.#retriever, this.#titles)
    this.#counter = counter
    this.#sizes = new TokenSizes(counter)
  }

  /** Loads an encoding ahead of its first use. */
  async warm(tokenizer: TokenizerName = 'o200k_base'): Promise<void> {
    await this.#counter.count([' '], tokenizer)
  }

  search(params: Params<'search.query'>, maxSecurityLevel: number): Result<'search.query'> {
    return search({ retriever: this.#retriever, titles: this.#titles }, params, maxSecurityLevel)
  }

  /**
   * A bundle within its budget, always: when tokens cannot be counted in time, bytes stand for them.
   * Throws `NotFound` for a conversation that is not there.
   */
  async compile(request: Params<'context.compile'>, signal: AbortSignal): Promise<ContextBundle> {
    const { corpus } = this.#retriever
    corpus.refresh()
    const { epoch } = corpus
    const material = this.#assembler.gather(request)
    const counted = this.#assembler.fit(material, this.#sizes)
    const bundle = await inTime(counted, AbortSignal.any([signal, AbortSignal.timeout(COUNTING_MS)]))
    if (bundle) return { ...bundle, epoch }
    const bounded = await this.#assembler.fit(material, new TokenSizes(BYTE_BOUND))
    const warning = 'Tokens could not be counted in time: every size is an upper bound, and more would fit.'
    return { ...bounded, warnings: [...bounded.warnings, warning], epoch }
  }
}

function unlessUnavailable(error: unknown): undefined {
  if (!(error instanceof VivimError && error.code === 'Unavailable')) throw error
}

/** The value, or undefined when the counter is unavailable or the signal comes first. */
async function inTime<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const stop = () => resolve(undefined)
  if (signal.aborted) stop()
  signal.addEventListener('abort', stop, { once: true })
  try {
    return await Promise.race([work.catch(unlessUnavailable), promise])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
