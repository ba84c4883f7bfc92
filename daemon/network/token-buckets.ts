export interface TokenBucketsOptions {
  readonly burst: number
  readonly perSecond: number
  /** Names counted at once; beyond it the one that has been silent longest is forgotten. */
  readonly names: number
  /** Milliseconds. */
  readonly now: () => number
}

/** Lets each name do `burst` things at once and `perSecond` in the long run. */
export class TokenBuckets {
  readonly #options: TokenBucketsOptions
  readonly #buckets = new Map<string, { tokens: number; at: number }>()

  constructor(options: TokenBucketsOptions) {
    this.#options = options
  }

  /** Takes one token, or that many: 0, or the milliseconds until there are as many. */
  take(name: string, wanted = 1): number {
    const { burst, perSecond, names, now } = this.#options
    const at = now()
    const before = this.#buckets.get(name)
    const gained = before ? (Math.max(0, at - before.at) * perSecond) / 1_000 : burst
    const tokens = Math.min(burst, (before?.tokens ?? 0) + gained)
    this.#buckets.delete(name)
    this.#buckets.set(name, { tokens: tokens < wanted ? tokens : tokens - wanted, at })
    if (this.#buckets.size > names) this.#buckets.delete(this.#buckets.keys().next().value!)
    return tokens < wanted ? Math.ceil(((wanted - tokens) * 1_000) / perSecond) : 0
  }
}
