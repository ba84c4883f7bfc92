import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { createLibp2p } from 'libp2p'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { LIMITS } from '../../../schema/limits.ts'
import { type TestNetwork, TestNetworks } from './test-networks.ts'

const FRAMES = { maxFrameBytes: 1_000 }
const PROTOCOL = '/test/1'
const WITHIN = { timeout: 60_000, interval: 20 }
/** Looked after often, so that a test need not wait. */
const WATCHED = { lookMs: 100, stuckMs: 200 }

const networks = new TestNetworks()
const folders: string[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  await networks.stopAll()
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

function portOf(network: TestNetwork): number {
  return Number(/\/tcp\/(\d+)/.exec(network.multiaddrs()[0]!)![1])
}

/** The server of this process that listens at a port, from under the library. */
function serverAt(port: number): Server {
  const handles = (process as unknown as { _getActiveHandles(): unknown[] })._getActiveHandles()
  const found = handles.find((handle): handle is Server => {
    const address = (handle as Partial<Server>).address?.()
    return (
      typeof address === 'object' &&
      address !== null &&
      'port' in address &&
      address.port === port &&
      (handle as Partial<Server>).listening === true
    )
  })
  if (!found) throw new Error('nothing listens there')
  return found
}

function answer(network: TestNetwork): void {
  network.handle(PROTOCOL, FRAMES, (stream) => stream.close())
}

describe('a network that hangs', () => {
  it('whose listener is gone listens again at the same port, without a new process', async () => {
    const [a, b] = await Promise.all([networks.start(WATCHED), networks.start()])
    answer(a)
    const target = a.target()
    serverAt(portOf(a)).close()
    await vi.waitFor(() => expect(a.state().restarts).toBe(1), WITHIN)
    expect(a.state().lastRestart!.why).toMatch(/no longer/)
    await vi.waitFor(() => expect(a.multiaddrs()).toEqual(target.addresses), WITHIN)
    await b.open(target, PROTOCOL, FRAMES)
    expect(a.counted.get('network.restarts')).toBe(1)
  })

  it('whose listener takes connections and says nothing is started anew', async () => {
    const a = await networks.start(WATCHED)
    const [took] = serverAt(portOf(a)).listeners('connection')
    expect(took).toBeDefined()
    serverAt(portOf(a)).removeAllListeners('connection')
    await vi.waitFor(() => expect(a.state().lastRestart?.why).toContain('no longer answers'), WITHIN)
    const b = await networks.start()
    await vi.waitFor(() => b.connect(a.target()), WITHIN)
  })

  it('with a dial that never ends answers the caller in time, and is started anew', async () => {
    const [a, b] = await Promise.all([networks.start(WATCHED), networks.start()])
    answer(b)
    const privateKey = await generateKeyPairFromSeed('Ed25519', randomBytes(32))
    const library = Object.getPrototypeOf(await createLibp2p({ privateKey, start: false }))
    const dial = vi.spyOn(library, 'dial').mockImplementation(() => new Promise(() => {}))
    const signal = AbortSignal.timeout(300)
    await expect(a.open(b.target(), PROTOCOL, { ...FRAMES, signal })).rejects.toMatchObject({
      name: 'TimeoutError',
    })
    dial.mockRestore()
    await vi.waitFor(() => expect(a.state().lastRestart?.why).toContain('did not end'), WITHIN)
    await vi.waitFor(() => a.open(b.target(), PROTOCOL, FRAMES), WITHIN)
    expect(a.state().restarts).toBe(1)
  })

  it('that cannot come back is tried until it does', async () => {
    const a = await networks.start({ ...WATCHED, listen: [`/ip4/127.0.0.1/tcp/${await freePort()}`] })
    const port = portOf(a)
    serverAt(port).close()
    const squatter = createServer()
    await vi.waitFor(
      () =>
        new Promise<void>((resolve, reject) =>
          squatter.once('error', reject).listen(port, '127.0.0.1', resolve),
        ),
      WITHIN,
    )
    await vi.waitFor(() => expect(a.state().restarts).toBeGreaterThan(1), WITHIN)
    expect(a.state().reachability.state).toBe('off')
    await new Promise((resolve) => squatter.close(resolve))
    await vi.waitFor(() => expect(a.multiaddrs()).toHaveLength(1), WITHIN)
  })

  it('stays off when it was switched off', async () => {
    const a = await networks.start(WATCHED)
    serverAt(portOf(a)).close()
    await a.stop()
    await new Promise((resolve) => setTimeout(resolve, 5 * WATCHED.lookMs))
    expect([a.running, a.state().restarts]).toEqual([false, 0])
  })

  it('is left alone when it is well, however many come', async () => {
    const a = await networks.start(WATCHED)
    const others = await Promise.all(Array.from({ length: 10 }, () => networks.start()))
    await Promise.all(others.map((other) => other.connect(a.target())))
    await new Promise((resolve) => setTimeout(resolve, 20 * WATCHED.lookMs))
    expect(a.state().restarts).toBe(0)
    expect(a.peers()).toHaveLength(10)
  })
})

describe('remembered addresses', () => {
  it('lead to a peer whose given ones are out of date, after a restart too', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vivimd-peers-'))
    folders.push(folder)
    const rememberIn = join(folder, 'run', 'peers.json')
    const b = await networks.start()
    const before = await networks.start({ rememberIn })
    await before.connect(b.target())
    await before.stop()
    expect(statSync(rememberIn).mode & 0o777).toBe(0o600)
    const stale = { peerId: b.peerId, addresses: ['/ip4/127.0.0.1/tcp/1'] }
    const without = await networks.start()
    await expect(without.connect(stale)).rejects.toMatchObject({ code: 'Unavailable' })
    const after = await networks.start({ rememberIn })
    await after.connect(stale)
    expect(after.peers()).toEqual([b.peerId])
    after.protect('somebody', [b.peerId])
    after.forget('somebody')
    expect(readFileSync(rememberIn, 'utf8')).not.toContain(b.peerId)
  })

  it.each(['', 'no json', '[]', '{"a":{"addresses":[1],"at":1}}', '{"a":null}'])(
    'are done without: %j',
    async (text) => {
      const folder = mkdtempSync(join(tmpdir(), 'vivimd-peers-'))
      folders.push(folder)
      writeFileSync(join(folder, 'peers.json'), text)
      const a = await networks.start({ rememberIn: join(folder, 'peers.json') })
      const b = await networks.start()
      await a.connect(b.target())
      await a.stop()
      expect(existsSync(join(folder, 'peers.json'))).toBe(true)
    },
  )
})

describe('strangers', () => {
  it('leave a place for a person’s own devices, and the one who takes most loses', async () => {
    const strangers = vi.spyOn(LIMITS as { networkStrangers: number }, 'networkStrangers', 'get')
    strangers.mockReturnValue(5)
    const a = await networks.start()
    const own = await networks.start()
    a.protect('somebody', [own.peerId])
    await own.connect(a.target())
    const crowd = await Promise.all(Array.from({ length: 12 }, () => networks.start()))
    for (const one of crowd) await one.connect(a.target()).catch(() => {})
    await vi.waitFor(() => expect(a.counted.get('network.strangers.closed')).toBe(7), WITHIN)
    await vi.waitFor(() => expect(a.peers()).toHaveLength(6), WITHIN)
    expect(a.peers()).toContain(own.peerId)
  })
})

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}
