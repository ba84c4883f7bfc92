import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { EarlyStreams } from '../../../daemon/network/early-streams.ts'
import { Gossip } from '../../../daemon/network/gossip.ts'
import { GossipHealer } from '../../../daemon/network/gossip-healer.ts'
import { buildNode, type Node } from '../../../daemon/network/libp2p-node.ts'
import { Misbehaviour } from '../../../daemon/network/misbehaviour.ts'

const TOPIC = 'a topic'
const WITHIN = { timeout: 20_000, interval: 50 }

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function startNode() {
  const heard: string[] = []
  const topics = new Map([
    [
      TOPIC,
      (message: Uint8Array) => {
        heard.push(Buffer.from(message).toString())
        return 'accept' as const
      },
    ],
  ])
  const misbehaviour = new Misbehaviour()
  const peers = { has: () => true }
  const gossipOptions = {
    topics,
    peers,
    early: new EarlyStreams(),
    count: () => {},
    onHandlerError: () => {},
  }
  const log = { info: () => {}, warn: () => {}, error: () => {} }
  const node = await buildNode(
    { seed: randomBytes(32), listen: [], mdns: false, log },
    {
      listen: ['/ip4/127.0.0.1/tcp/0'],
      gossip: gossipOptions,
      misbehaviour,
      isRelay: () => false,
      isOurs: () => false,
      refusesSeat: () => true,
      onRelayTransport: () => {},
      refused: new Set(),
      onDiscovered: () => {},
    },
  )
  const gossip = new Gossip(node.services.gossip, gossipOptions, misbehaviour)
  const healer = new GossipHealer(node, peers)
  await node.start()
  gossip.subscribe(TOPIC)
  healer.start()
  stops.push(() => {
    healer.stop()
    return node.stop()
  })
  return { node, gossip, heard }
}

/** Each says things until the other hears: both directions have streams of their own. */
async function inTouch(from: Gossip, heard: readonly string[]): Promise<void> {
  const before = heard.length
  await vi.waitFor(() => {
    from.publish(TOPIC, randomBytes(16))
    if (heard.length === before) throw new Error('not heard yet')
  }, WITHIN)
}

const connections = (node: Node) => node.getConnections().length

describe('two nodes with two connections', () => {
  it.each([0, 1])('still hear each other when connection %i goes', async (which) => {
    const [a, b] = await Promise.all([startNode(), startNode()])
    await a.node.dial(b.node.getMultiaddrs())
    await vi.waitFor(() => expect(connections(b.node)).toBe(1), WITHIN)
    await inTouch(a.gossip, b.heard)
    await inTouch(b.gossip, a.heard)
    await b.node.dial(a.node.getMultiaddrs(), { force: true })
    await vi.waitFor(() => expect([connections(a.node), connections(b.node)]).toEqual([2, 2]), WITHIN)
    await a.node.getConnections()[which]!.close()
    await vi.waitFor(() => expect([connections(a.node), connections(b.node)]).toEqual([1, 1]), WITHIN)
    await inTouch(a.gossip, b.heard)
    await inTouch(b.gossip, a.heard)
  })
})
