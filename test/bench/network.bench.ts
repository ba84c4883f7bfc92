import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { createNetwork } from '../../daemon/network/libp2p-network.ts'
import { TestNode } from '../support/test-node.ts'
import type { Bench } from './measurement.ts'

const PEERS = 10
const SILENT = { info: () => {}, warn: () => {}, error: () => {} }
/** Of the kernel, always so on Linux. */
const TICKS_PER_SECOND = 100

/** What a node costs that does nothing but stay connected. */
export const networkBench: Bench = {
  prefix: 'network',
  async run({ quick }) {
    const seconds = quick ? 10 : 60
    await using node = await TestNode.start()
    await node.user('Ann')
    const client = await node.client()
    const { peerId, addresses } = await client.call('network.status')
    const peers = Array.from({ length: PEERS }, () =>
      createNetwork({ seed: randomBytes(32), listen: [], mdns: false, log: SILENT }),
    )
    try {
      for (const peer of peers) {
        await peer.start()
        await peer.connect({ peerId, addresses })
      }
      // Handshakes and what a start leaves to do are no part of it.
      await pause(10_000)
      const before = cpuSeconds(node.pid)
      await pause(seconds * 1_000)
      const used = cpuSeconds(node.pid) - before
      const { peers: connected } = await client.call('network.status')
      if (connected.length !== PEERS) throw new Error(`${connected.length} of ${PEERS} peers are connected`)
      return [
        {
          name: 'node.idle_cpu_percent',
          value: (100 * used) / seconds,
          unit: 'percent',
          goal: 1,
          better: 'lower',
          runs: 1,
          note: `of one processor over ${seconds} s, ${PEERS} peers connected, one user open`,
        },
      ]
    } finally {
      await Promise.all(peers.map((peer) => peer.stop()))
    }
  },
}

/** All threads, in user and kernel mode. */
function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name of the program, in brackets, may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
