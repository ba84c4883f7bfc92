import type { TokenizerName } from '../../schema/methods/context.ts'

/** Counts tokens as the client's model would. */
export interface TokenCounter {
  /**
   * The exact number of tokens of each text, in order; special-token spellings count as plain text.
   * Throws VivimError `Unavailable` when the counter does not answer in time.
   */
  count(texts: readonly string[], tokenizer: TokenizerName): Promise<number[]>
}
