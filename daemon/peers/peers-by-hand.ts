import { VivimError } from '../../schema/errors.ts'
import { LIMITS } from '../../schema/limits.ts'
import { TokenBuckets } from '../network/token-buckets.ts'
import type { Reach } from '../vault/contact-rows.ts'
import type { PeersOptions } from './options.ts'

const USERS = 10_000

/** Nodes that users connected to by hand, until the node stops. Each user sees and ends only their own. */
export class PeersByHand {
  readonly #network: Pick<PeersOptions['network'], 'connect'>
  readonly #peers = new Map<string, Map<string, Reach>>()
  readonly #dials = new TokenBuckets({
    burst: LIMITS.peerDials,
    perSecond: LIMITS.peerDialsPerMinute / 60,
    names: USERS,
    now: () => performance.now(),
  })

  constructor(network: Pick<PeersOptions['network'], 'connect'>) {
    this.#network = network
  }

  /** Newest first. */
  of(did: string): Reach[] {
    return [...(this.#peers.get(did)?.values() ?? [])].reverse()
  }

  /** @throws VivimError `RateLimited`: a user must not make the node look through a network */
  takeDial(did: string): void {
    const retryAfterMs = this.#dials.take(did)
    if (retryAfterMs > 0)
      throw new VivimError('RateLimited', 'Too many dials; try again shortly.', { retryAfterMs })
  }

  /** @throws VivimError `RateLimited`, `Unavailable` */
  async connect(did: string, reach: Reach): Promise<void> {
    this.takeDial(did)
    await this.#network.connect(reach)
    const peers = this.#peers.get(did) ?? new Map<string, Reach>()
    this.#peers.set(did, peers)
    peers.delete(reach.peerId)
    peers.set(reach.peerId, reach)
    if (peers.size > LIMITS.peersByHand) peers.delete(peers.keys().next().value!)
  }

  /** The peer ids meant by a peer id or multiaddr; undefined when the user connected to none like it. */
  matching(did: string, text: string): string[] | undefined {
    const peerId = /(?:^|\/p2p\/)([^/]+)$/.exec(text)?.[1]
    return peerId !== undefined && this.#peers.get(did)?.has(peerId) ? [peerId] : undefined
  }

  remove(did: string, peerIds: readonly string[]): void {
    for (const peerId of peerIds) this.#peers.get(did)?.delete(peerId)
  }

  forget(did: string): void {
    this.#peers.delete(did)
  }
}
