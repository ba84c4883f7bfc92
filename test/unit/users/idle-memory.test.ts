import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { IdleMemory } from '../../../daemon/users/idle-memory.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function idleMemory(isBusy = () => false) {
  const collect = vi.fn()
  return { collect, memory: new IdleMemory({ isBusy, collect, now: () => Date.now() }) }
}

test('memory is given back once after a use, when nothing was done for a moment', () => {
  const { collect, memory } = idleMemory()
  for (let call = 0; call < 10; call++) {
    memory.used()
    vi.advanceTimersByTime(1_000)
  }
  expect(collect).not.toHaveBeenCalled()
  vi.advanceTimersByTime(3_600_000)
  expect(collect).toHaveBeenCalledTimes(1)
})

test('not while there is work in the background', () => {
  let busy = true
  const { collect, memory } = idleMemory(() => busy)
  memory.used()
  vi.advanceTimersByTime(60_000)
  expect(collect).not.toHaveBeenCalled()
  busy = false
  vi.advanceTimersByTime(2_000)
  expect(collect).toHaveBeenCalledTimes(1)
})

test('at most once a minute, and not after the end', () => {
  const { collect, memory } = idleMemory()
  for (let call = 0; call < 20; call++) {
    memory.used()
    vi.advanceTimersByTime(3_000)
  }
  expect(collect).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(60_000)
  expect(collect).toHaveBeenCalledTimes(2)
  memory.used()
  memory.close()
  memory.used()
  vi.advanceTimersByTime(120_000)
  expect(collect).toHaveBeenCalledTimes(2)
})
