import { isDeepStrictEqual } from 'node:util'
import { describe, expect, test } from 'vitest'
import type { SyncEvent, SyncState, SyncStep } from '../../crdt/engine.ts'
import * as engine from '../../crdt/engine.ts'
import { problemsOf, problemsWithStranger } from './sync-scenario.ts'

const SEEDS = process.env.VIVIM_TEST_LONG === '1' ? 100_000 : 2_000

describe('devices that write, meet and part at any moment', () => {
  test(`come to hold the same, ${SEEDS} times`, () => {
    for (let index = 0; index < SEEDS; index++) {
      const seed = `sync ${index}`
      expect(problemsOf(engine, seed), seed).toEqual([])
    }
  })

  test(`tell a stranger nothing, ${SEEDS / 4} times`, () => {
    for (let index = 0; index < SEEDS / 4; index++) {
      const seed = `stranger ${index}`
      expect(problemsWithStranger(engine, seed), seed).toEqual([])
    }
  })
})

test('no step changes the state before it: whole sessions replayed from their states do the same again', () => {
  const steps: [SyncState, SyncEvent, SyncStep][] = []
  const recorded = {
    newSync: engine.newSync,
    step(state: SyncState, event: SyncEvent) {
      const step = engine.step(state, event)
      steps.push([state, event, step])
      return step
    },
  }
  for (let index = 0; index < 30; index++) problemsOf(recorded, `replay ${index}`)
  expect(steps.length).toBeGreaterThan(1_000)
  for (const [state, event, step] of steps)
    expect(isDeepStrictEqual(engine.step(state, event), step), event.type).toBe(true)
})
