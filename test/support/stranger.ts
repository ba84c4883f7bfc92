import { randomBytes } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import type { IdentifyResult, Libp2p, StreamMuxerFactory } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import type { FrameStream } from '../../daemon/network/network.ts'
import { OpenStreams } from '../../daemon/network/open-streams.ts'
import { until } from './until.ts'

const MAX_FRAME_BYTES = 1024 * 1024

/** Somebody else's libp2p node, which keeps every byte it is told. */
export class Stranger implements AsyncDisposable {
  readonly #node: Libp2p<{ gossip: GossipSub }>
  readonly #streams = new OpenStreams()
  readonly #received: Uint8Array[]
  /** What was said on the topics it listens to. */
  readonly messages: Uint8Array[] = []
  readonly #identified = new Map<string, IdentifyResult>()
  readonly #topics = new Map<string, Set<string>>()

  private constructor(node: Libp2p<{ gossip: GossipSub }>, received: Uint8Array[]) {
    this.#node = node
    this.#received = received
    node.addEventListener('peer:identify', ({ detail }) =>
      this.#identified.set(detail.peerId.toString(), detail),
    )
    node.services.gossip.addEventListener('message', ({ detail }) => this.messages.push(detail.data))
    node.services.gossip.addEventListener('subscription-change', ({ detail }) => {
      const topics = this.#topics.get(detail.peerId.toString()) ?? new Set()
      this.#topics.set(detail.peerId.toString(), topics)
      for (const { topic, subscribe } of detail.subscriptions)
        if (subscribe) topics.add(topic)
        else topics.delete(topic)
    })
  }

  static async start(): Promise<Stranger> {
    const received: Uint8Array[] = []
    const node = await createLibp2p({
      privateKey: await generateKeyPairFromSeed('Ed25519', new Uint8Array(randomBytes(32))),
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [() => recording(yamux()(), received)],
      services: {
        identify: identify(),
        gossip: gossipsub({ globalSignaturePolicy: StrictNoSign, allowPublishToZeroTopicPeers: true }),
      },
    })
    return new Stranger(node, received)
  }

  get peerId(): string {
    return this.#node.peerId.toString()
  }

  /** Everything the other sides have sent, below the encryption of connections and above TCP. */
  get received(): Buffer {
    return Buffer.concat(this.#received)
  }

  /** Connects and waits for what the other side says of itself. */
  async meet(addresses: readonly string[]): Promise<IdentifyResult> {
    const connection = await this.#node.dial(addresses.map((address) => multiaddr(address)))
    const peer = connection.remotePeer.toString()
    return until('the node tells what it is', async () => this.#identified.get(peer))
  }

  /** Topics a peer has said it listens to. */
  topicsOf(peerId: string): string[] {
    return [...(this.#topics.get(peerId) ?? [])].sort()
  }

  listenTo(topics: readonly string[]): void {
    for (const topic of topics) this.#node.services.gossip.subscribe(topic)
  }

  async open(addresses: readonly string[], protocol: string): Promise<FrameStream> {
    const connection = await this.#node.dial(addresses.map((address) => multiaddr(address)))
    const stream = await connection.newStream(protocol, { maxOutboundStreams: 1_000 })
    return this.#streams.add(stream, connection.remotePeer.toString(), MAX_FRAME_BYTES)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#node.stop()
  }
}

/** The muxer sees what the encryption has opened: all of it passes here. */
function recording(factory: StreamMuxerFactory, received: Uint8Array[]): StreamMuxerFactory {
  return {
    protocol: factory.protocol,
    createStreamMuxer: (connection) => {
      const muxer = factory.createStreamMuxer(connection)
      connection.addEventListener('message', ({ data }) => {
        received.push(data.slice())
      })
      return muxer
    },
  }
}
