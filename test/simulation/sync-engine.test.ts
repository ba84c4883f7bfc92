import { describe, expect, test } from 'vitest'
import * as engine from '../../crdt/engine.ts'
import { problemsOf } from './sync-scenario.ts'

const SEEDS = process.env.VIVIM_TEST_LONG === '1' ? 100_000 : 2_000

describe('devices that write, meet and part at any moment', () => {
  test(`come to hold the same, ${SEEDS} times`, () => {
    for (let index = 0; index < SEEDS; index++) {
      const seed = `sync ${index}`
      expect(problemsOf(engine, seed), seed).toEqual([])
    }
  })
})
