import type { TokenizerName } from '../../schema/methods/context.ts'

/** A user's worker to the tokenizer thread. */
export interface CountRequest {
  readonly id: number
  readonly texts: readonly string[]
  readonly tokenizer: TokenizerName
}

/** And back; `counts` is absent when counting failed. */
export interface CountReply {
  readonly id: number
  readonly counts?: number[]
}
