import type { TokenizerName } from '../../schema/methods/context.ts'
import type { TokenCounter } from './token-counter.ts'

const KEPT = 6_000
const CHARACTERS_KEPT = 4_000_000
const LONGEST_KEPT = 40_000

/** Token counts by text. What was counted once is kept, within bounds, and asked for no more. */
export class TokenSizes {
  readonly #counter: TokenCounter
  readonly #kept: Record<TokenizerName, Map<string, number>> = {
    o200k_base: new Map(),
    cl100k_base: new Map(),
  }
  #characters = 0

  constructor(counter: TokenCounter) {
    this.#counter = counter
  }

  /** A function that gives the size of each of `texts`, after one round to the counter at most. */
  async of(texts: readonly string[], tokenizer: TokenizerName): Promise<(text: string) => number> {
    const kept = this.#kept[tokenizer]
    const sizes = new Map<string, number>()
    const unknown = new Set<string>()
    for (const text of texts) {
      const size = kept.get(text)
      if (size === undefined) unknown.add(text)
      else sizes.set(text, size)
    }
    if (unknown.size > 0) {
      const missing = [...unknown]
      const counts = await this.#counter.count(missing, tokenizer)
      for (const [i, text] of missing.entries()) {
        sizes.set(text, counts[i]!)
        this.#keep(kept, text, counts[i]!)
      }
    }
    return (text) => sizes.get(text)!
  }

  #keep(kept: Map<string, number>, text: string, size: number): void {
    if (text.length > LONGEST_KEPT) return
    for (const [oldest] of kept) {
      if (kept.size < KEPT && this.#characters < CHARACTERS_KEPT) break
      kept.delete(oldest)
      this.#characters -= oldest.length
    }
    kept.set(text, size)
    this.#characters += text.length
  }
}

/** UTF-8 bytes: no text has more tokens than bytes, so a budget kept in bytes is kept in tokens. */
export const BYTE_BOUND: TokenCounter = {
  count: (texts) => Promise.resolve(texts.map((text) => Buffer.byteLength(text))),
}
