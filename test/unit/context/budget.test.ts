import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { allocate, grantRest, type LayerDemand } from '../../../daemon/context/budget.ts'
import { layerDemands, type Situation } from '../../../daemon/context/layers.ts'
import { LAYERS } from '../../../schema/methods/context.ts'

const PLENTY = 1_000_000

interface Vector {
  readonly budget: number
  readonly messages: number
  readonly conversationTokens: number
  readonly messageTokens: number
  readonly topics: number
  readonly entities: number
  readonly active: boolean
}

/** The situation of a vector: profiles and evidence without end, and a history of the size the vector names. */
function situationOf(vector: Vector): Situation {
  return {
    topics: vector.topics,
    entities: vector.entities,
    messages: vector.messages,
    active: vector.active,
    available: {
      L0: PLENTY,
      L1: PLENTY,
      L2: vector.topics > 0 ? PLENTY : 0,
      L3: vector.entities > 0 ? PLENTY : 0,
      L4: vector.active ? PLENTY : 0,
      L5: PLENTY,
      L6: vector.conversationTokens,
      L7: vector.messageTokens,
    },
  }
}

function allocated(vector: Vector): number[] {
  const tokens = new Map(
    allocate(vector.budget, layerDemands(vector.budget, situationOf(vector))).map((one) => [
      one.layer,
      one.tokens,
    ]),
  )
  return LAYERS.map((layer) => tokens.get(layer)!)
}

describe('the five known situations, corrected', () => {
  const vector = (
    budget: number,
    messages: number,
    conversationTokens: number,
    messageTokens: number,
    topics: number,
    entities: number,
    active: boolean,
  ): Vector => ({ budget, messages, conversationTokens, messageTokens, topics, entities, active })

  test('cold: no topic, no entity and no history take nothing; evidence stops at its maximum', () => {
    // Bases 50 + 240 + 360 + 200. 11,150 are left for L1 (room 440) and L5 (room 1,960): both fill up to 800 and
    // 18 % of 12,000. The known wrong answer gave 1,840 to topics that do not exist and 7,200 to an empty history.
    expect(allocated(vector(12_000, 0, 0, 50, 0, 0, false))).toEqual([240, 800, 0, 0, 0, 2_160, 0, 50])
  })

  test('short: a history of 1,500 tokens gets 1,500, and all else its maximum', () => {
    // Bases 1,900. The rooms 440 + 2,700 + 2,200 + 1,960 + 1,000 = 8,300 are under the 10,100 that are left.
    expect(allocated(vector(12_000, 6, 1_500, 100, 1, 0, true))).toEqual([
      240, 800, 3_000, 0, 2_400, 2_160, 1_500, 100,
    ])
  })

  test('continue: small layers fill, arc and history share the rest 26.4 to 36', () => {
    // Bases 2,150, rest 9,850. L3, L1, L5 and L2 (rate 85 × 0.6) fill and take 6,390. 3,460 at 26.4 + 36 a step are
    // 55.448 steps: L4 200 + 1,463.8, L6 500 + 1,996.2.
    expect(allocated(vector(12_000, 30, 9_000, 200, 2, 1, true))).toEqual([
      240, 800, 3_000, 1_440, 1_663, 2_160, 2_496, 200,
    ])
  })

  test('long: one topic pours slower and stays under its maximum', () => {
    // As before with L2 at 70 × 0.6: L3, L1 and L5 fill (3,690); 6,160 at 42 + 26.4 + 36 a step are 59.004 steps.
    expect(allocated(vector(12_000, 200, 60_000, 200, 1, 2, true))).toEqual([
      240, 800, 2_778, 1_440, 1_757, 2_160, 2_624, 200,
    ])
  })

  test('overflow: the message first, then bases by priority until nothing is left', () => {
    // 4,096 − 3,800 = 296: L0 its minimum 150 (its ideal would be 81), L1 3 % = 122.88, L6 the last 23.12.
    expect(allocated(vector(4_096, 40, 20_000, 3_800, 2, 2, true))).toEqual([150, 122, 0, 0, 0, 0, 23, 3_800])
  })

  test('a message larger than the budget takes all of it and no more', () => {
    expect(allocated(vector(4_096, 40, 20_000, 5_000, 2, 2, true))).toEqual([0, 0, 0, 0, 0, 0, 0, 4_096])
  })
})

const tokens = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 60 }), fc.integer({ min: 0, max: 200_000 }))
const situations: fc.Arbitrary<Situation> = fc.record({
  topics: fc.integer({ min: 0, max: 5 }),
  entities: fc.integer({ min: 0, max: 5 }),
  messages: fc.integer({ min: 0, max: 300 }),
  active: fc.boolean(),
  available: fc.record({
    L0: tokens,
    L1: tokens,
    L2: tokens,
    L3: tokens,
    L4: tokens,
    L5: tokens,
    L6: tokens,
    L7: tokens,
  }),
})
const budgets = fc.oneof(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 1_000_000 }))

/** Any demands at all, also nonsense: negative, fractional, base above maximum. */
const amount = fc.double({ min: -1_000, max: 100_000, noNaN: true })
const wildDemands: fc.Arbitrary<LayerDemand[]> = fc.array(
  fc.record({
    layer: fc.constantFrom(...LAYERS),
    base: amount,
    max: amount,
    available: amount,
    priority: fc.double({ min: -5, max: 200, noNaN: true }),
    elasticity: fc.double({ min: -1, max: 2, noNaN: true }),
  }),
  { maxLength: 8 },
)

const sum = (list: readonly { tokens: number }[]) => list.reduce((total, one) => total + one.tokens, 0)

describe('for any budget and any content', () => {
  test('whole, not negative, within content, maximum and budget; the same again', () => {
    fc.assert(
      fc.property(budgets, situations, (budget, situation) => {
        const demands = layerDemands(budget, situation)
        const result = allocate(budget, demands)
        expect(sum(result)).toBeLessThanOrEqual(budget)
        for (const [i, { layer, tokens }] of result.entries()) {
          expect(Number.isInteger(tokens) && tokens >= 0, `${layer} ${tokens}`).toBe(true)
          expect(tokens).toBeLessThanOrEqual(Math.min(demands[i]!.available, demands[i]!.max))
        }
        expect(allocate(budget, layerDemands(budget, situation))).toEqual(result)
      }),
      { numRuns: 3_000 },
    )
  })

  test('no layer loses when the budget grows', () => {
    fc.assert(
      fc.property(budgets, fc.integer({ min: 1, max: 300 }), situations, (budget, more, situation) => {
        const before = allocate(budget, layerDemands(budget, situation))
        const after = allocate(budget + more, layerDemands(budget + more, situation))
        for (const [i, { layer, tokens }] of before.entries())
          expect(after[i]!.tokens, `${layer} at ${budget} + ${more}`).toBeGreaterThanOrEqual(tokens)
      }),
      { numRuns: 5_000 },
    )
  })

  test('no token stays unclaimed, but for rounding, while an elastic layer has room', () => {
    fc.assert(
      fc.property(budgets, situations, (budget, situation) => {
        const demands = layerDemands(budget, situation)
        const result = allocate(budget, demands)
        const room = demands.some(
          ({ max, available, elasticity }, i) =>
            elasticity > 0 && Math.floor(Math.min(max, available)) - result[i]!.tokens > 1,
        )
        if (room) expect(budget - sum(result)).toBeLessThan(LAYERS.length)
      }),
      { numRuns: 2_000 },
    )
  })

  test('weights too small for a number give nothing, and no NaN', () => {
    const tiny = {
      layer: 'L2' as const,
      base: 0,
      max: 8.9e-16,
      available: 8.9e-16,
      priority: 1.7e-27,
      elasticity: 1.5e-297,
    }
    const none = { layer: 'L3' as const, base: 0, max: 0, available: 0, priority: 0, elasticity: 0 }
    expect(allocate(1, [tiny, none]).map(({ tokens }) => tokens)).toEqual([0, 0])
  })

  test('nonsense demands never break the budget', () => {
    fc.assert(
      fc.property(fc.double({ min: -10, max: 100_000, noNaN: true }), wildDemands, (budget, demands) => {
        const result = allocate(budget, demands)
        expect(sum(result)).toBeLessThanOrEqual(Math.max(0, budget))
        for (const [i, { tokens }] of result.entries()) {
          expect(tokens).toBeGreaterThanOrEqual(0)
          expect(tokens).toBeLessThanOrEqual(Math.max(0, demands[i]!.available) + 1e-6)
        }
      }),
      { numRuns: 3_000 },
    )
  })
})

describe('what no layer could claim', () => {
  test('goes to the named layers in order, within their content and the budget', () => {
    fc.assert(
      fc.property(budgets, situations, (budget, situation) => {
        const demands = layerDemands(budget, situation)
        const before = allocate(budget, demands)
        const after = grantRest(budget, before, demands, ['L5', 'L6'])
        expect(sum(after)).toBeLessThanOrEqual(budget)
        for (const [i, { layer, tokens }] of after.entries()) {
          expect(tokens).toBeGreaterThanOrEqual(before[i]!.tokens)
          if (layer === 'L5' || layer === 'L6') expect(tokens).toBeLessThanOrEqual(demands[i]!.available)
          else expect(tokens).toBe(before[i]!.tokens)
        }
        const evidence = after.find(({ layer }) => layer === 'L5')!.tokens
        if (evidence < (situation.available.L5 ?? 0)) expect(sum(after)).toBe(budget)
      }),
      { numRuns: 1_000 },
    )
  })
})
