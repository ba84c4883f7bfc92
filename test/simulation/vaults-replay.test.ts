import { expect, test } from 'vitest'
import { makeFamily } from './vault-family.ts'
import { outcomeOf } from './vault-scenario.ts'
import { segmentsOfStrangers } from './vault-strangers.ts'

const SEEDS = 20

async function traces(): Promise<string[]> {
  using family = makeFamily('family')
  const strangers = segmentsOfStrangers(family)
  const all: string[] = []
  for (let index = 0; index < SEEDS; index++)
    all.push((await outcomeOf(`vaults ${index}`, family, strangers)).trace)
  return all
}

test('a seed replays to the same trace: every frame, every message and every state', {
  timeout: 300_000,
}, async () => {
  const first = await traces()
  expect(await traces()).toEqual(first)
  expect(new Set(first).size).toBe(SEEDS)
})
