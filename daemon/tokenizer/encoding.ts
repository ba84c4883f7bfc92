import { BytePairEncodingCore } from 'gpt-tokenizer/BytePairEncodingCore'
import { Cl100KBase } from 'gpt-tokenizer/encodingParams/cl100k_base'
import { O200KBase } from 'gpt-tokenizer/encodingParams/o200k_base'
import type { TokenizerName } from '../../schema/methods/context.ts'
import { countBytepairs, countShortAscii } from './byte-pair-count.ts'

/** One encoding, loaded. */
export interface Encoding {
  /** As many tokens as gpt-tokenizer's `encode` gives with every special token read as plain text. */
  count(text: string): number
}

/** Of gpt-tokenizer's core, what its types keep private: one exact pin, and a test against its own `encode`. */
interface Core {
  getBpeRankFromString(piece: string): number | undefined
  getBpeRankFromBytes(bytes: Uint8Array): number | undefined
  bytePairEncode(piece: string): number[]
}

/** Pieces up to this many UTF-16 units are merged by plain scans, which are quadratic but fast when short. */
const SHORT_PIECE = 48

const ASCII = /^[\0-\x7f]*$/

/** Loads an encoding's ranks: about 100 ms and 40 MB, so once per thread. */
export async function loadEncoding(name: TokenizerName): Promise<Encoding> {
  const parameters =
    name === 'o200k_base'
      ? O200KBase((await import('gpt-tokenizer/bpeRanks/o200k_base')).default)
      : Cl100KBase((await import('gpt-tokenizer/bpeRanks/cl100k_base')).default)
  // No merge cache: it would keep pieces of people's texts.
  const core = new BytePairEncodingCore({ ...parameters, mergeCacheSize: 0 }) as unknown as Core
  const encoder = new TextEncoder()
  const rankOf = (bytes: Uint8Array) => core.getBpeRankFromBytes(bytes)
  const rankOfSlice = (slice: string) => core.getBpeRankFromString(slice)
  return {
    count(text) {
      let tokens = 0
      for (const piece of text.match(parameters.tokenSplitRegex) ?? []) {
        if (piece.length === 1 && piece.charCodeAt(0) < 128) tokens += 1
        else if (core.getBpeRankFromString(piece) !== undefined) tokens += 1
        else if (piece.length > SHORT_PIECE) tokens += countBytepairs(encoder.encode(piece), rankOf)
        else if (ASCII.test(piece)) tokens += countShortAscii(piece, rankOfSlice)
        else tokens += core.bytePairEncode(piece).length
      }
      return tokens
    },
  }
}

const loaded = new Map<TokenizerName, Promise<Encoding>>()

/** The encoding of that name, loaded at its first use in this thread. Holds no text. */
export function encodingOf(name: TokenizerName): Promise<Encoding> {
  let encoding = loaded.get(name)
  if (!encoding) {
    encoding = loadEncoding(name)
    loaded.set(name, encoding)
  }
  return encoding
}
