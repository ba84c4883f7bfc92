import { createHash, randomBytes } from 'node:crypto'
import { onTestFailed } from 'vitest'

/** Deterministic numbers from a seed; not for secrets. */
export interface SeededRandom {
  readonly seed: string
  /** In [0, 1). */
  next(): number
  /** An integer in [0, below). */
  integer(below: number): number
  pick<T>(items: readonly T[]): T
  bytes(length: number): Uint8Array
}

/** SplitMix32 over the hash of the seed: small, fast, and the same on every machine. */
export function seededRandom(seed: string): SeededRandom {
  let state = createHash('sha256').update(seed).digest().readUInt32LE(0)
  const next = () => {
    state = (state + 0x9e3779b9) | 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
  const integer = (below: number) => Math.floor(next() * below)
  return {
    seed,
    next,
    integer,
    pick: (items) => {
      const item = items[integer(items.length)]
      if (item === undefined) throw new RangeError('nothing to pick from')
      return item
    },
    bytes: (length) => Uint8Array.from({ length }, () => integer(256)),
  }
}

/**
 * A random source for one test. Its seed is new at every run, or VIVIM_TEST_SEED to replay one, and is printed when
 * the test fails. Call it inside the test.
 */
export function testRandom(): SeededRandom {
  const seed = process.env.VIVIM_TEST_SEED || randomBytes(8).toString('hex')
  onTestFailed(() => console.error(`replay with VIVIM_TEST_SEED=${seed}`))
  return seededRandom(seed)
}
