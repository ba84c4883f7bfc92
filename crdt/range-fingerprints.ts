import { hashOf } from './hash.ts'

/**
 * Finds where two ordered sets differ in O(log n) exchanges. One side asks about ranges; the other answers each with
 * sixteen fingerprints of its parts, or with its items once there are few. The asker compares them with its own and
 * asks on about the parts that differ. A fingerprint is a hint between members, never a security check: whoever may
 * choose the hashes can make sums collide.
 */

/** What an item is called: a row by its table's number and key, an erased one by its 32-byte marker. */
export interface ItemName {
  readonly table: number
  readonly key: string | Uint8Array
}

export interface Item extends ItemName {
  /** 32 bytes. */
  readonly hash: Uint8Array
}

/** From `from` on, itself included, up to `to`, which is not; null stands for the end. Bounds need not be items. */
export interface Range {
  readonly from: ItemName
  readonly to: ItemName | null
}

/** A range's items, or the fingerprints of its parts: `bounds` are the ends of all parts but the last. */
export type RangeAnswer =
  | { readonly items: readonly Item[] }
  | { readonly bounds: readonly ItemName[]; readonly fingerprints: readonly Uint8Array[] }

/** What one range holds differently. */
export interface RangeDifferences {
  readonly ranges: readonly Range[]
  readonly names: readonly ItemName[]
}

/** Parts a range is split into. */
export const RANGE_PARTS = 16
/** Fewer items than this are listed. */
export const RANGE_LISTED = 32
export const FINGERPRINT_BYTES = 16

export const EVERYTHING: Range = { from: { table: 0, key: '' }, to: null }

/** By table; in a table rows before erased ones; keys as bytes, text as UTF-8. */
export function compareNames(a: ItemName, b: ItemName): number {
  if (a.table !== b.table) return a.table - b.table
  if (typeof a.key !== typeof b.key) return typeof a.key === 'string' ? -1 : 1
  return a.key === b.key ? 0 : Buffer.compare(Buffer.from(a.key), Buffer.from(b.key))
}

export function isWithin(name: ItemName, { from, to }: Range): boolean {
  return compareNames(from, name) <= 0 && (to === null || compareNames(name, to) < 0)
}

/** First 16 bytes of SHA-256 over CBOR ['vivim/range/1', sum of the hashes mod 2^256 (32 bytes), how many]. */
export function fingerprintOf(sum: Uint8Array, count: bigint): Uint8Array {
  return hashOf(['vivim/range/1', sum, count]).slice(0, FINGERPRINT_BYTES)
}

const LIMBS = 8
const LIMB = 2 ** 32

/** The sum of hashes: order does not matter. */
export class RangeSum {
  /** 32 bits each, the lowest first: a sum of two and a carry is far below 2^53. */
  readonly #limbs = new Array<number>(LIMBS).fill(0)
  #count = 0n

  add(hash: Uint8Array): void {
    const view = new DataView(hash.buffer, hash.byteOffset, hash.byteLength)
    let carry = 0
    for (let limb = 0; limb < LIMBS; limb++) {
      const sum = this.#limbs[limb]! + view.getUint32((LIMBS - 1 - limb) * 4) + carry
      carry = sum >= LIMB ? 1 : 0
      this.#limbs[limb] = sum - carry * LIMB
    }
    this.#count++
  }

  fingerprint(): Uint8Array {
    const sum = new Uint8Array(LIMBS * 4)
    const view = new DataView(sum.buffer)
    for (const [limb, value] of this.#limbs.entries()) view.setUint32((LIMBS - 1 - limb) * 4, value)
    return fingerprintOf(sum, this.#count)
  }
}

/** Answers about a range: takes its `count` items in order, then gives the answer. */
export class RangeSplit {
  readonly #partSize: number
  readonly #items: Item[] | undefined
  readonly #bounds: ItemName[] = []
  readonly #fingerprints: Uint8Array[] = []
  #sum = new RangeSum()
  #inPart = 0
  #last: ItemName | undefined

  constructor(count: number) {
    this.#items = count < RANGE_LISTED ? [] : undefined
    this.#partSize = Math.ceil(count / RANGE_PARTS)
  }

  add(item: Item): void {
    if (this.#items) {
      this.#items.push(item)
      return
    }
    if (this.#inPart === this.#partSize && this.#last) {
      this.#bounds.push(boundBetween(this.#last, item))
      this.#closePart()
    }
    this.#sum.add(item.hash)
    this.#inPart++
    this.#last = item
  }

  answer(): RangeAnswer {
    if (this.#items) return { items: this.#items }
    this.#closePart()
    return { bounds: this.#bounds, fingerprints: this.#fingerprints }
  }

  #closePart(): void {
    this.#fingerprints.push(this.#sum.fingerprint())
    this.#sum = new RangeSum()
    this.#inPart = 0
  }
}

/** Compares another side's answer about a range with one's own items: takes these in order, then tells. */
export class RangeComparison {
  readonly #parts: readonly Range[]
  readonly #theirs: RangeAnswer
  readonly #listed = new Map<string, Item>()
  readonly #sums: RangeSum[]
  readonly #names: ItemName[] = []
  #part = 0

  constructor(range: Range, theirs: RangeAnswer) {
    this.#theirs = theirs
    this.#parts = partsOf(range, theirs)
    this.#sums = this.#parts.map(() => new RangeSum())
    if ('items' in theirs) for (const item of theirs.items) this.#listed.set(nameText(item), item)
  }

  add(item: Item): void {
    if ('items' in this.#theirs) {
      const name = nameText(item)
      const theirs = this.#listed.get(name)
      this.#listed.delete(name)
      if (!theirs || Buffer.compare(theirs.hash, item.hash) !== 0)
        this.#names.push({ table: item.table, key: item.key })
      return
    }
    while (!isWithin(item, this.#parts[this.#part]!)) this.#part++
    this.#sums[this.#part]!.add(item.hash)
  }

  differences(): RangeDifferences {
    const { fingerprints } = { fingerprints: [], ...this.#theirs }
    const lacking = [...this.#listed.values()].map(({ table, key }) => ({ table, key }))
    return {
      ranges: this.#parts.filter(
        (_, part) => Buffer.compare(fingerprints[part]!, this.#sums[part]!.fingerprint()) !== 0,
      ),
      names: [...this.#names, ...lacking].sort(compareNames),
    }
  }
}

/** What an honest side may answer about a range; anything else would lead nowhere. */
export function isAnswerTo(range: Range, answer: RangeAnswer): boolean {
  if ('items' in answer)
    return (
      answer.items.length < RANGE_LISTED &&
      ascending(answer.items) &&
      answer.items.every((item) => isWithin(item, range))
    )
  const { bounds, fingerprints } = answer
  return (
    bounds.length > 0 &&
    bounds.length < RANGE_PARTS &&
    fingerprints.length === bounds.length + 1 &&
    ascending([range.from, ...bounds]) &&
    bounds.every((bound) => isWithin(bound, range))
  )
}

/** Each comes after the one before it, as ranges do that somebody asks about. */
export function areDisjoint(ranges: readonly Range[]): boolean {
  return ranges.every(({ from, to }, index) => {
    const next = ranges[index + 1]
    return (
      (to === null || compareNames(from, to) < 0) &&
      (next === undefined || (to !== null && compareNames(to, next.from) <= 0))
    )
  })
}

function ascending(names: readonly ItemName[]): boolean {
  return names.every((name, index) => index === 0 || compareNames(names[index - 1]!, name) < 0)
}

function partsOf({ from, to }: Range, answer: RangeAnswer): Range[] {
  if ('items' in answer) return []
  const starts = [from, ...answer.bounds]
  return starts.map((start, part) => ({ from: start, to: starts[part + 1] ?? to }))
}

/** The shortest beginning of the later name that is beyond the earlier one. */
function boundBetween(before: ItemName, after: ItemName): ItemName {
  const { table, key } = after
  if (before.table !== table || typeof before.key !== typeof key) return { table, key: shortest('', key) }
  return { table, key: shortest(before.key, key) }
}

function shortest(before: string | Uint8Array, key: string | Uint8Array): string | Uint8Array {
  if (typeof key !== 'string') {
    const same = key.findIndex((byte, at) => byte !== before[at])
    return key.slice(0, same + 1)
  }
  // By characters, so that the bound is text too.
  let bound = ''
  for (const character of key) {
    bound += character
    if (!before.toString().startsWith(bound)) break
  }
  return bound
}

function nameText({ table, key }: ItemName): string {
  return typeof key === 'string' ? `${table}:${key}` : `${table}#${Buffer.from(key).toString('hex')}`
}
