import { afterEach, describe, expect, it, vi } from 'vitest'
import { type TestNetwork, TestNetworks } from './test-networks.ts'

const FRAMES = { maxFrameBytes: 1_000_000 }
const PROTOCOL = '/test/1'
const WITHIN = { timeout: 30_000, interval: 20 }

const networks = new TestNetworks()
afterEach(() => networks.stopAll())

/** A node that listens nowhere: nobody reaches it but by way of the relays it knows. */
function behind(...relays: TestNetwork[]): Promise<TestNetwork> {
  return networks.start({
    listen: [],
    relays: relays.map((relay) => relay.target()),
    gossipWithAnyone: false,
  })
}

async function seated(network: TestNetwork): Promise<void> {
  await vi.waitFor(() => expect(network.state().reachability.state).toBe('relayed'), WITHIN)
}

function echo(network: TestNetwork): void {
  network.handle(PROTOCOL, FRAMES, async (stream) => {
    for (let frame = await stream.receive(); frame; frame = await stream.receive()) await stream.send(frame)
    await stream.close()
  })
}

describe('two nodes that nobody reaches', () => {
  it('meet by way of a relay, and speak gossip there once they know each other', async () => {
    const relay = await networks.start({ isRelay: true, gossipWithAnyone: false })
    const [a, b] = await Promise.all([behind(relay), behind(relay)])
    await Promise.all([seated(a), seated(b)])
    expect(relay.state().seats).toBe(2)
    expect(b.multiaddrs()).toEqual([`${relay.multiaddrs()[0]}/p2p-circuit/p2p/${b.peerId}`])
    expect(b.state().reachability.text).toContain('through a relay')

    echo(b)
    const stream = await a.open(b.target(), PROTOCOL, FRAMES)
    const large = new Uint8Array(500_000).fill(7)
    await stream.send(large)
    expect(await stream.receive()).toEqual(large)
    await stream.close()
    expect(a.state().peers.find(({ peerId }) => peerId === b.peerId)).toMatchObject({ relayed: true })

    const heard: string[] = []
    for (const network of [a, b, relay])
      network.subscribe('topic', (_message, from) => {
        heard.push(`${network.peerId} from ${from}`)
        return 'accept'
      })
    a.allowGossip(b.peerId)
    b.allowGossip(a.peerId)
    let said = 0
    await vi.waitFor(() => {
      a.publish('topic', new TextEncoder().encode(`news ${said++}`))
      expect(heard).toContain(`${b.peerId} from ${a.peerId}`)
    }, WITHIN)
    // The relay carries it and is told nothing.
    expect(heard.filter((line) => line.startsWith(relay.peerId))).toEqual([])
  })

  it('take their seats again when the relay was away', async () => {
    const relay = await networks.start({ isRelay: true })
    const a = await behind(relay)
    await seated(a)
    let moved = 0
    a.onAddresses(() => void moved++)
    await relay.stop()
    await vi.waitFor(() => expect(a.multiaddrs()).toEqual([]), WITHIN)
    expect(a.state().relays).toEqual([
      { peerId: relay.peerId, state: 'waiting', problem: expect.stringMatching(/connection|answer/) },
    ])
    expect(a.state().reachability.text).toContain('of no use now')
    await relay.start()
    await seated(a)
    expect(moved).toBeGreaterThanOrEqual(2)
  })

  it('begin before the relay does', async () => {
    const relay = await networks.start({ isRelay: true })
    const target = relay.target()
    await relay.stop()
    const a = await networks.start({ listen: [], relays: [target] })
    await vi.waitFor(() => expect(a.state().relays[0]?.problem).toBeDefined(), WITHIN)
    await relay.start()
    await seated(a)
  })
})

describe('a relay', () => {
  it('is none unless it is told to be one, and says so', async () => {
    const plain = await networks.start()
    const a = await behind(plain)
    await vi.waitFor(() => expect(a.state().relays[0]?.problem).toBe('it is no relay'), WITHIN)
  })

  it('gives one house as many seats as a house needs, and takes them back from who leaves', async () => {
    const relay = await networks.start({ isRelay: true })
    const { LIMITS } = await import('../../../schema/limits.ts')
    const house = await Promise.all(Array.from({ length: LIMITS.relaySeatsPerHost }, () => behind(relay)))
    await Promise.all(house.map(seated))
    const late = await behind(relay)
    await vi.waitFor(
      () => expect(late.state().relays[0]?.problem).toBe('it gives this node no place'),
      WITHIN,
    )
    expect(relay.counted.get('network.relay.refused')).toBeGreaterThan(0)
    await house[0]!.stop()
    await seated(late)
  }, 120_000)
})

describe('a node with an address', () => {
  it('learns from a relay whether it is reached, and that this machine is not the world', async () => {
    const relay = await networks.start({ isRelay: true })
    const a = await networks.start({ relays: [relay.target()] })
    await seated(a)
    await vi.waitFor(() => expect(a.state().reachability.text).toContain('In its own network'), WITHIN)
    expect(a.multiaddrs()).toHaveLength(2)
    // The dial back has ended: one connection is left.
    await vi.waitFor(() => expect(a.state().peers).toHaveLength(1), WITHIN)
  })

  it('is dialled directly although it has a seat', async () => {
    const relay = await networks.start({ isRelay: true })
    const [a, b] = await Promise.all([behind(relay), networks.start({ relays: [relay.target()] })])
    await Promise.all([seated(a), seated(b)])
    await a.connect(b.target())
    expect(a.state().peers.find(({ peerId }) => peerId === b.peerId)).toMatchObject({ relayed: false })
  })

  it('is reached by its relay when its own addresses swallow what is sent', async () => {
    const relay = await networks.start({ isRelay: true })
    const [a, b] = await Promise.all([behind(relay), behind(relay)])
    await Promise.all([seated(a), seated(b)])
    const nowhere = ['/ip4/198.51.100.1/tcp/4001', '/ip4/198.51.100.2/tcp/4001', '/ip4/198.51.100.3/tcp/4001']
    await a.connect({ peerId: b.peerId, addresses: [...nowhere, ...b.multiaddrs()] })
    expect(a.peers()).toContain(b.peerId)
  })
})
