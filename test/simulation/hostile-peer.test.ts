import { describe, expect, test } from 'vitest'
import * as engine from '../../crdt/engine.ts'
import { problemsWithHostile } from './hostile-scenario.ts'

const SEEDS = process.env.VIVIM_TEST_LONG === '1' ? 200_000 : 10_000

describe('a peer that says anything', () => {
  test(`brings nothing down, fills no memory and learns nothing it may not, ${SEEDS} times`, () => {
    for (let index = 0; index < SEEDS; index++) {
      const seed = `hostile ${index}`
      expect(problemsWithHostile(engine, seed), seed).toEqual([])
    }
  })
})
