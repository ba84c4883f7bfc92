import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Peers } from '../../../daemon/network/peers.ts'
import { type TestNetwork, TestNetworks } from './test-networks.ts'

const FRAMES = { maxFrameBytes: 1_000 }
const PROTOCOL = '/test/1'
const WITHIN = { timeout: 20_000, interval: 20 }

const networks = new TestNetworks()
afterEach(() => networks.stopAll())

function events(network: TestNetwork): string[] {
  const seen: string[] = []
  network.onPeer((peerId, connected) => void seen.push(`${connected ? '+' : '-'}${peerId}`))
  return seen
}

describe('dialling', () => {
  it('refuses a peer that answers with another id than was asked for', async () => {
    const [a, b, other] = await Promise.all([networks.start(), networks.start(), networks.start()])
    b.handle(PROTOCOL, FRAMES, (stream) => stream.close())
    const bare = b.multiaddrs().map((address) => address.replace(/\/p2p\/.*/, ''))
    const wrong = { peerId: other.peerId, addresses: bare }
    await expect(a.connect(wrong)).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(a.open(wrong, PROTOCOL, FRAMES)).rejects.toMatchObject({ code: 'Unavailable' })
    const named = { peerId: other.peerId, addresses: b.multiaddrs() }
    await expect(a.connect(named)).rejects.toMatchObject({ code: 'Unavailable' })
    expect([a.peers(), b.peers()]).toEqual([[], []])
    await a.connect({ peerId: b.peerId, addresses: bare })
    expect(a.peers()).toEqual([b.peerId])
  })

  it('tries the next address when one does not work, and knows the address of a peer it met', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    const addresses = ['/ip4/127.0.0.1/tcp/1', 'nonsense', '/ip4/127.0.0.1/udp/4', ...b.multiaddrs()]
    await a.connect({ peerId: b.peerId, addresses })
    await b.stop()
    await vi.waitFor(() => expect(a.peers()).toEqual([]), WITHIN)
    await b.start()
    await a.connect({ peerId: b.peerId })
    expect(a.peers()).toEqual([b.peerId])
  })

  it('fails for a peer nobody knows, for itself, and for what is no peer id', async () => {
    const [a, other] = [await networks.start(), networks.create()]
    await expect(a.connect({ peerId: other.peerId })).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(a.connect(a.target())).rejects.toMatchObject({ code: 'Unavailable' })
    await expect(a.connect({ peerId: 'nobody' })).rejects.toMatchObject({ code: 'InvalidParams' })
  })

  it('ends by its deadline when the other side is silent, or at once by the signal', async () => {
    const sockets: Socket[] = []
    const silent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const { port } = silent.address() as { port: number }
    const a = await networks.start()
    const target = { peerId: networks.create().peerId, addresses: [`/ip4/127.0.0.1/tcp/${port}`] }
    const signal = AbortSignal.timeout(100)
    await expect(a.connect(target, signal)).rejects.toMatchObject({ name: 'TimeoutError' })
    const started = performance.now()
    await expect(a.connect(target)).rejects.toMatchObject({ code: 'Unavailable' })
    expect(performance.now() - started).toBeLessThan(30_000)
    for (const socket of sockets) socket.destroy()
    silent.close()
  })

  it('works when both dial each other at once, again and again', async () => {
    for (let round = 0; round < 5; round++) {
      const [a, b] = await Promise.all([networks.start(), networks.start()])
      const [seenByA, seenByB] = [events(a), events(b)]
      for (const network of [a, b])
        network.handle(PROTOCOL, FRAMES, async (stream) => {
          await stream.send((await stream.receive())!)
          await stream.close()
        })
      const both = await Promise.all([
        a.open(b.target(), PROTOCOL, FRAMES),
        b.open(a.target(), PROTOCOL, FRAMES),
      ])
      for (const stream of both) {
        await stream.send(new Uint8Array([1]))
        expect(await stream.receive()).toEqual(new Uint8Array([1]))
        await stream.close()
      }
      expect([seenByA, seenByB]).toEqual([[`+${b.peerId}`], [`+${a.peerId}`]])
      await b.stop()
      await vi.waitFor(() => expect(seenByA).toEqual([`+${b.peerId}`, `-${b.peerId}`]), WITHIN)
      expect(seenByB).toEqual([`+${a.peerId}`, `-${a.peerId}`])
      await a.stop()
    }
  })

  it('does not outlive the network', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    b.handle(PROTOCOL, FRAMES, (stream) => stream.close())
    const opening = Promise.allSettled(
      Array.from({ length: 10 }, () => a.open(b.target(), PROTOCOL, FRAMES).then((stream) => stream.close())),
    )
    await a.stop()
    for (const outcome of await opening)
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'Unavailable' })
    expect(a.peers()).toEqual([])
  })
})

describe('many peers from one address', () => {
  it('connect at once', async () => {
    const hub = await networks.start()
    const others = await Promise.all(Array.from({ length: 30 }, () => networks.start()))
    await Promise.all(others.map((other) => other.connect(hub.target())))
    await vi.waitFor(() => expect(hub.peers()).toHaveLength(30), WITHIN)
  })
})

describe('noise on the port', () => {
  it('hurts nobody', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    const port = Number(/tcp\/(\d+)/.exec(b.multiaddrs()[0]!)![1])
    const { connect } = await import('node:net')
    for (const bytes of [randomBytes(10), randomBytes(100_000), Buffer.from('GET / HTTP/1.1\r\n\r\n')]) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(bytes)
      await new Promise((resolve) => setTimeout(resolve, 50))
      socket.destroy()
    }
    await a.connect(b.target())
    await vi.waitFor(() => expect(b.peers()).toEqual([a.peerId]), WITHIN)
  })
})

describe('Peers', () => {
  it('tells of each change once, to everybody, whoever throws', () => {
    const errors: unknown[] = []
    const peers = new Peers((error) => void errors.push(error))
    const seen: string[] = []
    peers.listen(() => {
      throw new Error('a bug')
    })
    const forget = peers.listen((peerId, connected) => void seen.push(`${peerId} ${connected}`))
    for (const connected of [false, true, true, false, false]) peers.note('x', connected)
    forget()
    peers.note('x', true)
    expect(seen).toEqual(['x true', 'x false'])
    expect(errors).toHaveLength(3)
    expect(peers.list()).toEqual(['x'])
    peers.clear()
    expect(peers.list()).toEqual([])
  })
})
