/** An encoding's tokens in flat arrays, which threads can hand over. */
export interface RankArrays {
  /** The bytes of all tokens, one after the other, by rank. */
  readonly bytes: Uint8Array
  /** Where each token's bytes end; a rank without a token has none. */
  readonly ends: Uint32Array
  /** Open-addressed hash table: rank + 1 of a token, 0 where there is none. A power of two, under half full. */
  readonly slots: Int32Array
}

const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

/** UTF-8 takes at most this many bytes for a UTF-16 unit. */
export const BYTES_PER_UNIT = 3

/** @param tokens by rank: text, or the bytes of what is no UTF-8 by itself; holes are ranks nobody uses. */
export function rankArrays(tokens: readonly (string | readonly number[] | undefined)[]): RankArrays {
  const room = tokens.reduce((sum: number, token) => sum + (token?.length ?? 0) * BYTES_PER_UNIT, 0)
  const bytes = Buffer.alloc(room)
  const ends = new Uint32Array(tokens.length)
  const slots = new Int32Array(2 ** Math.ceil(Math.log2(tokens.length * 2)))
  let end = 0
  for (let rank = 0; rank < tokens.length; rank++) {
    const token = tokens[rank] ?? ''
    const start = end
    if (typeof token === 'string') end += bytes.write(token, start)
    else for (const byte of token) bytes[end++] = byte
    ends[rank] = end
    if (end === start) continue
    let slot = hashOf(bytes, start, end) & (slots.length - 1)
    while (slots[slot] !== 0) slot = (slot + 1) & (slots.length - 1)
    slots[slot] = rank + 1
  }
  return { bytes: new Uint8Array(bytes.subarray(0, end)), ends, slots }
}

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = FNV_OFFSET
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at]!, FNV_PRIME)
  return hash
}

/** Ranks by bytes. 5 MB for 200,000 tokens, where a map of strings takes 30 MB of heap. */
export class RankTable {
  readonly #bytes: Uint8Array
  readonly #ends: Uint32Array
  readonly #slots: Int32Array
  readonly #mask: number

  constructor({ bytes, ends, slots }: RankArrays) {
    this.#bytes = bytes
    this.#ends = ends
    this.#slots = slots
    this.#mask = slots.length - 1
  }

  /** The rank of the token made of these bytes of `piece`; undefined when they are none. */
  rankOf(piece: Uint8Array, start: number, end: number): number | undefined {
    for (let slot = hashOf(piece, start, end) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const rank = this.#slots[slot]! - 1
      if (rank < 0) return undefined
      if (this.#is(rank, piece, start, end)) return rank
    }
  }

  #is(rank: number, piece: Uint8Array, start: number, end: number): boolean {
    const first = rank === 0 ? 0 : this.#ends[rank - 1]!
    if (this.#ends[rank]! - first !== end - start) return false
    for (let at = start; at < end; at++) if (piece[at] !== this.#bytes[first + at - start]) return false
    return true
  }
}
