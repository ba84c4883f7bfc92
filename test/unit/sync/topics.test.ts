import { expect, test } from 'vitest'
import { keptEpochs } from '../../../crdt/kept-epochs.ts'
import { topicOf } from '../../../crdt/sealed-message.ts'
import { Topics } from '../../../daemon/sync/topics.ts'
import { LIMITS } from '../../../schema/limits.ts'

const DAY = 24 * 3_600_000
const BEGAN = Date.UTC(2026, 0, 1)
const space = new Uint8Array(32)
const epochs = [0, BEGAN, BEGAN + 100 * DAY].map((epoch, index) => ({
  epoch,
  key: new Uint8Array(32).fill(index),
}))
const [first, second, third] = epochs.map((epoch) => topicOf(epoch, space)) as [string, string, string]

test('the topic of an epoch is left a week after the next one began', () => {
  const subscribed = new Set<string>()
  const topics = new Topics(
    {
      subscribe: (topic) => void subscribed.add(topic),
      unsubscribe: (topic) => void subscribed.delete(topic),
    },
    space,
    () => 'ignore',
  )
  topics.keep(epochs.slice(0, 1), BEGAN - DAY)
  expect(subscribed).toEqual(new Set([first]))
  topics.keep(epochs.slice(0, 2), BEGAN)
  expect(subscribed).toEqual(new Set([first, second]))
  topics.keep(epochs.slice(0, 2), BEGAN + 7 * DAY - 1)
  expect(subscribed).toEqual(new Set([first, second]))
  topics.keep(epochs.slice(0, 2), BEGAN + 7 * DAY)
  expect(subscribed).toEqual(new Set([second]))
  topics.keep(epochs, BEGAN + 101 * DAY)
  expect(subscribed).toEqual(new Set([second, third]))
  expect(topics.current).toBe(third)
  topics.leave()
  expect(subscribed).toEqual(new Set())
})

test('an epoch opens a session until half a year after the next one began', () => {
  const kept = (now: number) => keptEpochs(epochs, now, LIMITS.oldEpochsMs).map(({ epoch }) => epoch)
  expect(kept(BEGAN + 179 * DAY)).toEqual([0, BEGAN, BEGAN + 100 * DAY])
  expect(kept(BEGAN + 180 * DAY)).toEqual([BEGAN, BEGAN + 100 * DAY])
  expect(kept(BEGAN + 280 * DAY)).toEqual([BEGAN + 100 * DAY])
  expect(kept(BEGAN + 9_000 * DAY)).toEqual([BEGAN + 100 * DAY])
})
