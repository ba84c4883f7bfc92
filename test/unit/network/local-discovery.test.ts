import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { TestNetworks } from './test-networks.ts'

const MDNS_PORT = 5353
const WITHIN = { timeout: 30_000, interval: 50 }

const networks = new TestNetworks()
afterEach(() => networks.stopAll())

/** Whether a datagram to the group comes back on this machine: containers often have no multicast. */
async function multicastWorks(): Promise<boolean> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  try {
    socket.bind(0)
    await once(socket, 'listening')
    socket.addMembership('224.0.0.251')
    socket.setMulticastLoopback(true)
    const heard = once(socket, 'message', { signal: AbortSignal.timeout(1_000) })
    socket.send('hello', socket.address().port, '224.0.0.251', () => {})
    await heard
    return true
  } catch {
    return false
  } finally {
    socket.close()
  }
}

describe('local discovery', () => {
  it('tells of another node with its addresses, and does not dial it', async (context) => {
    if (!(await multicastWorks())) return context.skip('no multicast on this machine')
    const [a, b] = [networks.create({ mdns: true }), networks.create({ mdns: true })]
    const found: { peerId: string; addresses: readonly string[] }[] = []
    a.onDiscovered((peerId, addresses) => void found.push({ peerId, addresses }))
    await Promise.all([a.start(), b.start()])
    await vi.waitFor(() => expect(found.map(({ peerId }) => peerId)).toContain(b.peerId), WITHIN)
    expect([a.peers(), b.peers()]).toEqual([[], []])
    expect(found.filter(({ peerId }) => peerId === a.peerId)).toEqual([])
    await a.connect(found.find(({ peerId }) => peerId === b.peerId)!)
    expect(a.peers()).toEqual([b.peerId])
  })

  it('whose port is taken is told to the log, and the network works', async (context) => {
    // Without sharing the port, which is what makes it unavailable to others.
    const taken = createSocket({ type: 'udp4', reuseAddr: false })
    taken.bind(MDNS_PORT)
    const bound = await once(taken, 'listening').then(
      () => true,
      () => false,
    )
    if (!bound) return context.skip('something else has the port of mDNS')
    const [a, b] = await Promise.all([networks.start({ mdns: true }), networks.start()])
    await vi.waitFor(
      () =>
        expect(a.lines).toEqual([
          expect.objectContaining({ level: 'warn', message: 'local discovery does not work here' }),
        ]),
      WITHIN,
    )
    await a.connect(b.target())
    await a.stop()
    taken.close()
    await a.start()
    expect(a.running).toBe(true)
  })
})
