import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { privateKeyOfSeed, publicKeyBytes } from '../../../daemon/identity/ed25519.ts'
import { peerIdOf } from '../../../daemon/identity/node-key.ts'
import type { FrameStream } from '../../../daemon/network/network.ts'
import { TestNetworks } from './test-networks.ts'

const FRAMES = { maxFrameBytes: 1_000 }
const PROTOCOL = '/test/1'
const WITHIN = { timeout: 20_000, interval: 20 }

const networks = new TestNetworks()
const children: ChildProcess[] = []
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  await networks.stopAll()
})

/** A node in its own process, once it has said where it is. */
async function startProcess(mode: string, ...target: string[]) {
  const script = fileURLToPath(new URL('./node-process.ts', import.meta.url))
  const child = spawn(process.execPath, [script, mode, ...target], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.push(child)
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async () => JSON.parse((await lines.next()).value ?? '{}')
  const { peerId, addresses } = (await next()) as { peerId: string; addresses: string[] }
  return { child, next, peerId, addresses }
}

async function echoOnce(stream: FrameStream): Promise<void> {
  const frame = await stream.receive()
  if (frame) await stream.send(frame)
  await stream.close()
}

describe('a network', () => {
  it('has the peer id of its key before it starts, and the same at its addresses', async () => {
    const seed = randomBytes(32)
    const network = networks.create({ seed })
    expect(network.peerId).toBe(peerIdOf(publicKeyBytes(privateKeyOfSeed(seed))))
    expect([network.running, network.multiaddrs(), network.peers()]).toEqual([false, [], []])
    await network.start()
    expect(network.running).toBe(true)
    expect(network.multiaddrs()).toEqual([
      expect.stringMatching(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${network.peerId}$`)),
    ])
  })

  it('that is off says so', async () => {
    const network = networks.create()
    const target = { peerId: network.peerId }
    const off = { code: 'Unavailable', message: 'The network is off.' }
    await expect(network.open(target, PROTOCOL, FRAMES)).rejects.toMatchObject(off)
    await expect(network.connect(target)).rejects.toMatchObject(off)
    await network.stop()
  })

  it('keeps its address, handlers, topics and listeners over stop and start', async () => {
    const [a, b] = await Promise.all([networks.start(), networks.start()])
    const heard: string[] = []
    const seen: string[] = []
    b.handle(PROTOCOL, FRAMES, echoOnce)
    b.subscribe('news', (message) => {
      heard.push(Buffer.from(message).toString())
      return 'accept'
    })
    b.onPeer((peerId, connected) => void seen.push(`${peerId === a.peerId} ${connected}`))
    await a.connect(b.target())
    // The one that answers a dial knows of it a moment later.
    await vi.waitFor(() => expect(b.peers()).toEqual([a.peerId]), WITHIN)
    const before = b.multiaddrs()
    await b.stop()
    expect([b.running, b.multiaddrs(), b.peers()]).toEqual([false, [], []])
    await vi.waitFor(() => expect(a.peers()).toEqual([]), WITHIN)
    await b.start()
    expect(b.multiaddrs()).toEqual(before)
    const stream = await a.open(b.target(), PROTOCOL, FRAMES)
    await stream.send(new Uint8Array([9]))
    expect(await stream.receive()).toEqual(new Uint8Array([9]))
    await stream.close()
    let said = 0
    await vi.waitFor(() => {
      a.publish('news', Buffer.from(`again ${said++}`))
      expect(heard.length).toBeGreaterThan(0)
    }, WITHIN)
    await vi.waitFor(() => expect(seen).toEqual(['true true', 'true false', 'true true']), WITHIN)
  })

  it('may be started and stopped at any moment, in any number', async () => {
    const network = networks.create()
    await Promise.all([network.start(), network.start(), network.stop(), network.start(), network.stop()])
    expect(network.running).toBe(false)
    await Promise.all([network.stop(), network.start()])
    expect(network.running).toBe(true)
  })

  it('waits for a port that is just being released', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    setTimeout(() => server.close(), 300)
    const network = await networks.start({ listen: [`/ip4/127.0.0.1/tcp/${port}`] })
    expect(network.multiaddrs()[0]).toContain(`/tcp/${port}/`)
  })

  it('says in one line which address is taken, and starts when it is free', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const address = `/ip4/127.0.0.1/tcp/${port}`
    const network = networks.create({ listen: ['/ip4/127.0.0.1/tcp/0', address] })
    await expect(network.start()).rejects.toMatchObject({
      code: 'Unavailable',
      message: `The network cannot listen on ${address}: another program listens there.`,
    })
    expect(network.running).toBe(false)
    server.close()
    await network.start()
    expect(network.multiaddrs()).toHaveLength(2)
  })

  it('takes another port when the one the system had chosen is gone', async () => {
    const network = await networks.start()
    const port = Number(/tcp\/(\d+)/.exec(network.multiaddrs()[0]!)![1])
    await network.stop()
    const server = createServer().listen(port, '127.0.0.1')
    await once(server, 'listening')
    await network.start()
    expect(network.multiaddrs()[0]).not.toContain(`/tcp/${port}/`)
    server.close()
  })

  it('refuses an address that is none', async () => {
    const network = networks.create({ listen: ['nonsense'] })
    await expect(network.start()).rejects.toMatchObject({ code: 'Unavailable', message: /nonsense/ })
  })

  it('starts and works where multicast does not', async () => {
    const network = await networks.start({ mdns: true })
    expect(network.running).toBe(true)
    await network.stop()
  })
})

describe('a process', () => {
  it('exits by itself after its network stopped', async () => {
    const { child, next } = await startProcess('once')
    expect(await next()).toEqual({ stopped: true })
    const stopped = performance.now()
    const [code] = await once(child, 'exit')
    expect(code).toBe(0)
    const took = performance.now() - stopped
    console.log(`exits ${took.toFixed(0)} ms after stop`)
    expect(took).toBeLessThan(10_000)
  })

  it('exchanges frames with one of another process, which notices when it is killed', async () => {
    const here = await networks.start()
    const seen: boolean[] = []
    here.onPeer((_, connected) => void seen.push(connected))
    const there = await startProcess('stay', here.peerId, here.multiaddrs()[0]!)
    const stream = await here.open(there, '/echo/1', FRAMES)
    await stream.send(new Uint8Array([1, 2]))
    expect(await stream.receive()).toEqual(new Uint8Array([1, 2]))
    const broken = expect(stream.receive()).rejects.toMatchObject({ code: 'Unavailable' })
    const killed = performance.now()
    there.child.kill('SIGKILL')
    await broken
    await vi.waitFor(() => expect(seen).toEqual([true, false]), WITHIN)
    console.log(`a killed peer is noticed after ${(performance.now() - killed).toFixed(0)} ms`)
    await expect(here.open(there, '/echo/1', FRAMES)).rejects.toMatchObject({ code: 'Unavailable' })
  })

  it('that no longer answers is noticed, though its connection stays', async () => {
    const here = await networks.start()
    const gone = Promise.withResolvers<void>()
    here.onPeer((_, connected) => void (connected || gone.resolve()))
    const there = await startProcess('stay', here.peerId, here.multiaddrs()[0]!)
    there.child.kill('SIGSTOP')
    const stopped = performance.now()
    await gone.promise
    console.log(`a silent peer is noticed after ${((performance.now() - stopped) / 1000).toFixed(1)} s`)
    expect(here.peers()).toEqual([])
  })
})
