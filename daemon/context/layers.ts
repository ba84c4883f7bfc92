import type { LayerName } from '../../schema/methods/context.ts'
import type { LayerDemand } from './budget.ts'

/** What the demands of the layers depend on, besides the budget. */
export interface Situation {
  /** Topics and entities the message is about. */
  readonly topics: number
  readonly entities: number
  /** The conversation the message goes to, if there is one. */
  readonly messages: number
  readonly active: boolean
  /** Tokens of content each layer has; a layer left out has none. */
  readonly available: Partial<Record<LayerName, number>>
}

/** Conversations longer than this are mostly dialogue: their history goes before other layers. */
const DIALOGUE_HEAVY = 20

/**
 * The layers' demands under a budget of `budget` tokens. L0 and L1 are inelastic: their base is their ideal, or
 * their minimum where that is larger. L7, first among
 * equals, is the message itself. No base exceeds its own maximum.
 */
export function layerDemands(budget: number, situation: Situation): LayerDemand[] {
  const { topics, entities, messages, active } = situation
  const L0 = fixed(150, Math.min(400, 0.02 * budget), 500)
  const L1 = fixed(100, Math.min(600, 0.03 * budget), 800)
  const L2 = elastic(topics > 0 ? 300 : 0, 0.25 * budget)
  const L3 = elastic(entities > 0 ? 150 : 0, 0.12 * budget)
  const L4 = elastic(active ? 200 : 0, 0.2 * budget)
  const L5 = elastic(200, 0.18 * budget)
  const L6 = elastic(active ? 500 : 0, 0.6 * budget)
  const demand = (
    layer: LayerName,
    { base, max }: { base: number; max: number },
    priority: number,
    elasticity: number,
  ): LayerDemand => ({ layer, base, max, available: situation.available[layer] ?? 0, priority, elasticity })
  const message = situation.available.L7 ?? 0
  return [
    demand('L7', { base: message, max: message }, 100, 0),
    demand('L0', L0, 100, 0),
    demand('L1', L1, 95, 0.1),
    demand('L2', L2, topics >= 2 ? 85 : 70, 0.6),
    demand('L3', L3, 65, 0.7),
    demand('L4', L4, active ? 88 : 30, 0.3),
    demand('L5', L5, 75, 0.5),
    demand('L6', L6, messages > DIALOGUE_HEAVY ? 90 : 80, 0.4),
  ]
}

function fixed(min: number, ideal: number, max: number): { base: number; max: number } {
  return { base: Math.min(Math.max(min, ideal), max), max }
}

function elastic(min: number, max: number): { base: number; max: number } {
  return { base: Math.min(min, max), max }
}
