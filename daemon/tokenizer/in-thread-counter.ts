import type { TokenCounter } from '../context/token-counter.ts'
import { encodingOf } from './encoding.ts'

/** Counts in the calling thread; for tests and short-lived commands. */
export const inThreadCounter: TokenCounter = {
  async count(texts, tokenizer) {
    const encoding = await encodingOf(tokenizer)
    return texts.map((text) => encoding.count(text))
  },
}
