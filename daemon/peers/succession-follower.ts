import { LIMITS } from '../../schema/limits.ts'
import { readSuccession, type Succession } from '../identity/successor.ts'
import type { Followed } from '../vault/successions.ts'
import { issueConsent } from './contact-proof.ts'
import type { PeersOptions } from './options.ts'

export interface FollowerOptions extends Pick<PeersOptions, 'vault' | 'keysOf' | 'now' | 'log' | 'count'> {
  /** Somebody stands where another DID stood: they are to be told. */
  readonly onFollowed: (did: string, succession: Succession) => void
}

type Heard = Succession & { readonly statement: Uint8Array }

/** Follows successors of root keys that others show, or a master keeps. Each is followed once, for good. */
export class SuccessionFollower {
  readonly #options: FollowerOptions

  constructor(options: FollowerOptions) {
    this.#options = options
  }

  /** Statements that do not verify are passed over. @throws what the vault throws */
  async follow(did: string, statements: readonly Uint8Array[]): Promise<void> {
    const heard = statements.slice(0, LIMITS.successionsShown).flatMap((statement): Heard[] => {
      const read = readSuccession(statement)
      if (!read) this.#options.count('peers.successors.forged')
      return read ? [{ ...read, statement }] : []
    })
    let groups = [...Map.groupBy(heard, ({ predecessor }) => predecessor).values()]
    // One may lead to the next, in whatever order they come.
    for (let found = true; found && groups.length > 0; ) {
      found = false
      const left: Heard[][] = []
      for (const group of groups) {
        const outcome = await this.#followOne(did, group)
        if (outcome === 'stranger') left.push(group)
        if (outcome === 'followed') found = true
      }
      groups = left
    }
  }

  async #followOne(did: string, heard: readonly Heard[]): Promise<Followed> {
    const { vault, keysOf, now, log, count, onFollowed } = this.#options
    const [first] = heard
    const isOwn = first!.predecessor === did || first!.successor === did
    const own = isOwn ? null : issueConsent(await keysOf(did), first!.successor, now())
    const { outcome } = await vault(did)('followSuccessors', { heard, own })
    if (outcome === 'known' || outcome === 'stranger') return outcome
    count(`peers.successors.${outcome}`)
    log.info({ outcome, own: isOwn }, NEWS[outcome])
    if (outcome === 'followed') onFollowed(did, first!)
    return outcome
  }
}

const NEWS: Record<Exclude<Followed, 'known' | 'stranger'>, string> = {
  followed: 'a root key has a successor, which is followed from now on: compare the safety string',
  second: 'a root key named a second successor: it is kept as proof and not followed',
  undecided: 'a root key named two successors: neither is followed',
  refused: 'a successor of a root key is not followed: it leads back, or too far',
}
