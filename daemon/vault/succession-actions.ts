import { peopleAfter } from './contact-rows.ts'
import { type Lineage, lineageOf } from './succession-rows.ts'
import { type Followed, type HeardSuccession, Successions } from './successions.ts'
import type { Vault } from './vault.ts'

/** What root keys that change ask of a user's vault. */
export interface SuccessionActions {
  /** All that was heard of one predecessor; `own`: this person's consent to be in contact with the successor. */
  followSuccessors(params: { readonly heard: readonly HeardSuccession[]; readonly own: Uint8Array | null }): {
    readonly outcome: Followed
  }
  /** The person themselves goes from one root key to the next. */
  keepOwnSuccession(params: HeardSuccession): { readonly outcome: Followed }
  /** What shows others whose place this person took, and who took theirs. */
  ownSuccessions(params: Record<never, never>): readonly Uint8Array[]
  lineage(params: { readonly did: string }): Lineage
  /** DIDs whose successors are of interest, from the one after `after` on. */
  peopleAfter(params: { readonly after: string; readonly limit: number }): readonly string[]
}

export function successionActions(vault: Vault): SuccessionActions {
  const successions = new Successions(vault)
  const { space } = vault
  return {
    followSuccessors: ({ heard, own }) => ({ outcome: successions.follow(heard, own) }),
    keepOwnSuccession: (own) => ({ outcome: successions.keepOwn(own) }),
    ownSuccessions: () => successions.ownStatements(),
    lineage: ({ did }) => lineageOf(vault, space, did),
    peopleAfter: ({ after, limit }) => peopleAfter(vault, space, after, limit),
  }
}
