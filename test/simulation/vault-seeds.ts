import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Family, makeFamily } from './vault-family.ts'
import { FAULTS, FaultCounts } from './vault-faults.ts'
import { outcomeOf } from './vault-scenario.ts'
import { type Strangers, segmentsOfStrangers } from './vault-strangers.ts'

/** Test files that share the seeds, so that two workers run them. */
const PARTS = 4
const SEEDS = Number(process.env.VIVIM_TEST_SEEDS || (process.env.VIVIM_TEST_LONG === '1' ? 100_000 : 2_000))
const REPLAYED = process.env.VIVIM_TEST_SEED
/** With fewer seeds, what seldom happens may not have. */
const ENOUGH = 300
/** 2,000 seeds take about 90 seconds on two cores; ten times as much for each. */
const SEED_MS = 900
const PROBLEMS_SHOWN = 5

/** The seeds of one part. A failing one is named with the command that runs it alone. */
export function simulateVaults(part: number): void {
  const seeds = REPLAYED
    ? [REPLAYED].filter(() => part === 0)
    : Array.from({ length: SEEDS }, (_, index) => `vaults ${index}`).filter(
        (_, index) => index % PARTS === part,
      )

  describe.skipIf(seeds.length === 0)('vaults that write, sync, fail and are lied to', () => {
    let family: Family
    let strangers: Strangers
    const counts = new FaultCounts()
    beforeAll(() => {
      family = makeFamily('family')
      strangers = segmentsOfStrangers(family)
    })
    afterAll(() => {
      family[Symbol.dispose]()
      console.log(`part ${part + 1} of ${PARTS} of the simulation of vaults:\n${counts}`)
    })

    test(`come to what the operations say, ${seeds.length} times`, {
      timeout: 60_000 + seeds.length * SEED_MS,
    }, async () => {
      for (const seed of seeds) {
        const outcome = await outcomeOf(seed, family, strangers)
        counts.include(outcome.counts)
        expect(
          [...new Set(outcome.problems)].slice(0, PROBLEMS_SHOWN),
          `replay with VIVIM_TEST_SEED='${seed}' npx vitest run test/simulation/vaults-1.test.ts`,
        ).toEqual([])
      }
    })

    test.skipIf(seeds.length < ENOUGH)('nothing that may go wrong was left out', () => {
      expect(FAULTS.filter((fault) => counts.of(fault) === 0)).toEqual([])
    })
  })
}
