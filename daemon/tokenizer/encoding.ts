import { Cl100KBase } from 'gpt-tokenizer/encodingParams/cl100k_base'
import { O200KBase } from 'gpt-tokenizer/encodingParams/o200k_base'
import type { TokenizerName } from '../../schema/methods/context.ts'
import { countBytepairs, countShort } from './byte-pair-count.ts'
import { loadRanks } from './load-ranks.ts'
import { BYTES_PER_UNIT } from './rank-table.ts'

/** One encoding, loaded. */
export interface Encoding {
  /**
   * As many tokens as gpt-tokenizer's `encode` gives with every special token read as plain text;
   * a byte order mark, which that loses where it merges, is the token it is.
   */
  count(text: string): number
}

/** Pieces up to this many UTF-16 units are merged by plain scans, which are quadratic but fast when short. */
const SHORT_PIECE = 48

/** Loads an encoding's ranks: about 150 ms and 5 MB, so once per thread. */
export async function loadEncoding(name: TokenizerName): Promise<Encoding> {
  const { tokenSplitRegex } = name === 'o200k_base' ? O200KBase([]) : Cl100KBase([])
  const ranks = await loadRanks(name)
  const encoder = new TextEncoder()
  const short = new Uint8Array(SHORT_PIECE * BYTES_PER_UNIT)
  const rankInShort = (start: number, end: number) => ranks.rankOf(short, start, end)
  const countLong = (piece: string): number => {
    const bytes = encoder.encode(piece)
    if (ranks.rankOf(bytes, 0, bytes.length) !== undefined) return 1
    return countBytepairs(bytes.length, (start, end) => ranks.rankOf(bytes, start, end))
  }
  return {
    count(text) {
      let tokens = 0
      for (const piece of text.match(tokenSplitRegex) ?? []) {
        if (piece.length > SHORT_PIECE) {
          tokens += countLong(piece)
          continue
        }
        const length = encoder.encodeInto(piece, short).written
        tokens += length === 1 || rankInShort(0, length) !== undefined ? 1 : countShort(length, rankInShort)
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
    encoding.catch(() => loaded.delete(name))
  }
  return encoding
}
