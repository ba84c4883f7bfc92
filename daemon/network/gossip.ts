import { createHash } from 'node:crypto'
import { type GossipSub, gossipsub, StrictNoSign, TopicValidatorResult } from '@libp2p/gossipsub'
import type { PeerId } from '@libp2p/interface'
import { LIMITS } from '../../schema/limits.ts'
import type { EarlyStreams } from './early-streams.ts'
import { type GossipPeers, onlyWith } from './gossip-peers.ts'
import { LaterTogether } from './later-together.ts'
import type { Misbehaviour } from './misbehaviour.ts'
import type { MessageHandler, Verdict } from './network.ts'

const MESSAGE_ID_BYTES = 20
/** Several messages travel in one packet when a peer asks for what it missed. */
const PACKET_BYTES = 4 * 1024 * 1024
/** How long a message is known again; also how long it may not be published anew; milliseconds. */
const SEEN_MS = 60_000

const RESULTS: Record<Verdict, TopicValidatorResult> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

export interface GossipOptions {
  /** The handlers of the topics subscribed to; read whenever a message comes. */
  readonly topics: ReadonlyMap<string, MessageHandler>
  readonly count: (name: string) => void
  readonly onHandlerError: (error: unknown) => void
  /** With whom gossip is spoken. */
  readonly peers: GossipPeers
  readonly early: EarlyStreams
}

/** The gossip router as it is set up here, as a service of the libp2p node. */
export function gossipService({ topics, count, peers, early }: GossipOptions, misbehaviour: Misbehaviour) {
  const router = gossipsub({
    // Who wrote a message is inside it, sealed; the wire names nobody.
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ data }) => createHash('sha256').update(data).digest().subarray(0, MESSAGE_ID_BYTES),
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    // Who writes tells everybody they are connected to; to pass it on is for the rest, and every copy costs them.
    floodPublish: true,
    asyncValidation: true,
    D: 4,
    Dlo: 3,
    Dhi: 8,
    Dout: 1,
    fallbackToFloodsub: false,
    // Two devices that nobody else reaches are as much a person's own by way of a relay.
    runOnLimitedConnection: true,
    seenTTL: SEEN_MS,
    maxInboundDataLength: PACKET_BYTES,
    // A peer that does not read is cut off from gossip rather than kept in memory.
    maxOutboundBufferSize: PACKET_BYTES,
    dataTransform: {
      // Runs before a message is hashed and remembered: what nobody here asked for leaves no trace.
      inboundTransform(topic, data) {
        const refused = topics.has(topic) ? 'network.gossip.oversized' : 'network.gossip.unasked'
        if (topics.has(topic) && data.length <= LIMITS.gossipMessageBytes) return data
        count(refused)
        throw new RangeError(refused)
      },
      outboundTransform: (_topic, data) => data,
    },
    scoreParams: {
      // A home, an office and a test are many peers behind one address: the address says nothing about a peer.
      IPColocationFactorWeight: 0,
      // Topics come and go, so refused messages are counted for the peer and not for each topic.
      appSpecificScore: (peerId) => misbehaviour.score(peerId),
      appSpecificWeight: 1,
    },
  })
  return (components: Parameters<typeof router>[0]) => router(onlyWith(components, peers, early))
}

/** The running router with the topics of this node. */
export class Gossip {
  readonly #router: GossipSub
  readonly #options: GossipOptions
  readonly #misbehaviour: Misbehaviour
  readonly #passing: LaterTogether

  constructor(router: GossipSub, options: GossipOptions, misbehaviour: Misbehaviour) {
    this.#router = router
    this.#options = options
    this.#misbehaviour = misbehaviour
    this.#passing = new LaterTogether(LIMITS.gossipPassOnMs, options.onHandlerError)
    router.addEventListener('gossipsub:heartbeat', () => misbehaviour.tick())
    router.addEventListener('gossipsub:message', ({ detail: { msgId, propagationSource } }) => {
      this.#passing.add(() => passOn(router, msgId, propagationSource.toString()))
    })
  }

  subscribe(topic: string): void {
    this.#router.topicValidators.set(topic, (peer, { data }) => this.#judge(topic, peer, data))
    this.#router.subscribe(topic)
  }

  unsubscribe(topic: string): void {
    this.#router.unsubscribe(topic)
    this.#router.topicValidators.delete(topic)
  }

  publish(topic: string, message: Uint8Array): void {
    this.#router.publish(topic, message).catch(() => this.#options.count('network.gossip.unpublished'))
  }

  #judge(topic: string, peer: PeerId, data: Uint8Array): TopicValidatorResult {
    const handler = this.#options.topics.get(topic)
    if (!handler) return TopicValidatorResult.Ignore
    const verdict = this.#verdict(handler, data, peer.toString())
    this.#options.count(`network.gossip.${verdict}`)
    if (verdict === 'reject') this.#misbehaviour.refuse(peer.toString())
    return RESULTS[verdict]
  }

  #verdict(handler: MessageHandler, data: Uint8Array, from: string): Verdict {
    try {
      return handler(data, from)
    } catch (error) {
      this.#options.onHandlerError(error)
      return 'ignore'
    }
  }
}

/** The router's interface leaves out how a message is passed on once it is found good. */
function passOn(router: GossipSub, id: string, from: string): void {
  const inside = router as unknown as {
    reportMessageValidationResult(id: string, from: string, found: TopicValidatorResult): void
  }
  inside.reportMessageValidationResult(id, from, TopicValidatorResult.Accept)
}
