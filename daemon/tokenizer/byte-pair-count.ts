/** Rank of the token between two bytes of the piece: lower merges first; undefined when they are no token. */
export type RankBetween = (start: number, end: number) => number | undefined

/**
 * Tokens of one piece by byte-pair merging, in O(n log n): the lowest rank merges first, the leftmost on a tie.
 * The usual scan over all pairs is O(n²) and takes minutes for a megabyte without a break.
 */
export function countBytepairs(length: number, rankOf: RankBetween): number {
  if (length < 2) return length
  const rankBetween = (start: number, end: number) => rankOf(start, end) ?? Number.POSITIVE_INFINITY

  // Part i begins at byte i; `next` and `previous` link the parts that are left, `rank` is that of (i, next).
  const next = Int32Array.from({ length: length + 1 }, (_, i) => i + 1)
  const previous = Int32Array.from({ length: length + 1 }, (_, i) => i - 1)
  const rank = new Float64Array(length).fill(Number.POSITIVE_INFINITY)
  const heap = new PairHeap(length * 2)
  const offer = (part: number) => {
    const second = next[part]!
    rank[part] = second < length ? rankBetween(part, next[second]!) : Number.POSITIVE_INFINITY
    if (rank[part] !== Number.POSITIVE_INFINITY) heap.push(rank[part]!, part)
  }
  for (let part = 0; part < length - 1; part++) offer(part)

  let parts = length
  while (heap.size > 0) {
    const at = heap.pop()
    const { part } = at
    if (rank[part] !== at.rank) continue
    const gone = next[part]!
    rank[gone] = Number.NaN
    next[part] = next[gone]!
    previous[next[part]!] = part
    parts -= 1
    offer(part)
    const before = previous[part]!
    if (before >= 0) offer(before)
  }
  return parts
}

/**
 * The same for a short piece, by the plain scan and without memory to set up. Most words of a text that are no token
 * of their own come this way.
 */
export function countShort(length: number, rankOf: RankBetween): number {
  const starts = Array.from({ length: length + 1 }, (_, i) => i)
  const rankAt = (i: number) =>
    i + 2 < starts.length
      ? (rankOf(starts[i]!, starts[i + 2]!) ?? Number.POSITIVE_INFINITY)
      : Number.POSITIVE_INFINITY
  const ranks = starts.map((_, i) => rankAt(i))
  for (;;) {
    let best = 0
    for (let i = 1; i < ranks.length; i++) if (ranks[i]! < ranks[best]!) best = i
    if (ranks[best] === Number.POSITIVE_INFINITY) return starts.length - 1
    starts.splice(best + 1, 1)
    ranks.splice(best + 1, 1)
    ranks[best] = rankAt(best)
    if (best > 0) ranks[best - 1] = rankAt(best - 1)
  }
}

/** A binary min-heap of pairs by (rank, part). */
class PairHeap {
  size = 0
  #ranks: Float64Array
  #parts: Int32Array

  constructor(capacity: number) {
    this.#ranks = new Float64Array(capacity)
    this.#parts = new Int32Array(capacity)
  }

  push(rank: number, part: number): void {
    if (this.size === this.#ranks.length) this.#grow()
    let at = this.size++
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#before(rank, part, parent)) break
      this.#move(parent, at)
      at = parent
    }
    this.#ranks[at] = rank
    this.#parts[at] = part
  }

  pop(): { rank: number; part: number } {
    const top = { rank: this.#ranks[0]!, part: this.#parts[0]! }
    this.size -= 1
    const rank = this.#ranks[this.size]!
    const part = this.#parts[this.size]!
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= this.size) break
      if (child + 1 < this.size && this.#before(this.#ranks[child + 1]!, this.#parts[child + 1]!, child))
        child += 1
      if (this.#before(rank, part, child)) break
      this.#move(child, at)
      at = child
    }
    this.#ranks[at] = rank
    this.#parts[at] = part
    return top
  }

  #before(rank: number, part: number, other: number): boolean {
    const otherRank = this.#ranks[other]!
    return rank < otherRank || (rank === otherRank && part < this.#parts[other]!)
  }

  #move(from: number, to: number): void {
    this.#ranks[to] = this.#ranks[from]!
    this.#parts[to] = this.#parts[from]!
  }

  #grow(): void {
    const ranks = new Float64Array(this.#ranks.length * 2)
    const parts = new Int32Array(ranks.length)
    ranks.set(this.#ranks)
    parts.set(this.#parts)
    this.#ranks = ranks
    this.#parts = parts
  }
}
