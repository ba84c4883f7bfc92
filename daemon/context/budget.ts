import type { LayerName } from '../../schema/methods/context.ts'

/** What one layer asks of a budget. Amounts are tokens; `base` and `max` may be fractions of one. */
export interface LayerDemand {
  readonly layer: LayerName
  /** Served first, in order of priority. */
  readonly base: number
  /** Never given more from the shared rest. */
  readonly max: number
  /** Tokens of content the layer really has. */
  readonly available: number
  readonly priority: number
  /** 0: takes its base and no more. */
  readonly elasticity: number
}

export interface LayerBudget {
  readonly layer: LayerName
  readonly tokens: number
}

/** Keeps a sum that should be whole from falling under it by the last bit. */
const ROUNDING = 1e-6

/**
 * Divides `budget` tokens. Every layer is capped by its content; bases are served by priority (on a tie the earlier one); what
 * is left flows to all elastic layers at once, at the rate priority × elasticity, until each is full. Shares are
 * computed exactly and rounded down, so no layer loses when the budget grows; the few tokens lost to rounding stay
 * unclaimed. The sum never exceeds `budget`.
 */
export function allocate(budget: number, demands: readonly LayerDemand[]): LayerBudget[] {
  const caps = demands.map((demand) => Math.max(0, demand.available))
  const shares = new Array<number>(demands.length).fill(0)
  let left = wholeTokens(budget)
  for (const i of byPriority(demands)) {
    const share = Math.min(Math.max(0, demands[i]!.base), caps[i]!, left)
    shares[i] = share
    left -= share
  }
  const rooms = demands.map(({ max }, i) => Math.max(0, Math.min(max, caps[i]!) - shares[i]!))
  const rates = demands.map(({ priority, elasticity }) => rateOf(priority * elasticity))
  const level = waterLevel(left, rooms, rates)
  return demands.map(({ layer }, i) => ({
    layer,
    tokens: Math.floor(shares[i]! + Math.min(rooms[i]!, rates[i]! * level) + ROUNDING),
  }))
}

/** Gives what nobody could claim to `layers`, in their order, up to their content: a maximum guards others only. */
export function grantRest(
  budget: number,
  allocation: readonly LayerBudget[],
  demands: readonly LayerDemand[],
  layers: readonly LayerName[],
): LayerBudget[] {
  let left = wholeTokens(budget) - allocation.reduce((sum, { tokens }) => sum + tokens, 0)
  const granted = new Map<LayerName, number>()
  for (const layer of layers) {
    const demand = demands.find((one) => one.layer === layer)
    const given = allocation.find((one) => one.layer === layer)
    if (!demand || !given) continue
    const more = Math.max(0, Math.min(Math.floor(demand.available) - given.tokens, left))
    granted.set(layer, more)
    left -= more
  }
  return allocation.map(({ layer, tokens }) => ({ layer, tokens: tokens + (granted.get(layer) ?? 0) }))
}

/** Rates so far from each other that dividing them leaves the numbers there are count as none. */
function rateOf(weight: number): number {
  return weight > 1e-6 ? Math.min(weight, 1e6) : 0
}

function wholeTokens(budget: number): number {
  return Math.max(0, Math.floor(budget))
}

function byPriority(demands: readonly LayerDemand[]): number[] {
  return demands.map((_, i) => i).sort((a, b) => demands[b]!.priority - demands[a]!.priority || a - b)
}

/** The level at which layers that fill at `rates` up to `rooms` hold `water` together, or hold all they can. */
function waterLevel(water: number, rooms: readonly number[], rates: readonly number[]): number {
  const filling = rooms
    .map((room, i) => ({ room, rate: rates[i]! }))
    .filter(({ room, rate }) => room > 0 && rate > 0)
    .sort((a, b) => a.room / a.rate - b.room / b.rate)
  let left = water
  let rate = filling.reduce((sum, one) => sum + one.rate, 0)
  for (const one of filling) {
    const level = one.room / one.rate
    if (level * rate >= left) return left / rate
    left -= one.room
    rate -= one.rate
  }
  return filling.length === 0 ? 0 : filling.at(-1)!.room / filling.at(-1)!.rate
}
