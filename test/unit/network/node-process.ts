import { randomBytes } from 'node:crypto'
import { createNetwork } from '../../../daemon/network/libp2p-network.ts'

/** A node in a process of its own: tells its address, connects to the address given, and does as it is told. */
const [mode, peerId, address] = process.argv.slice(2)
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
const silent = { info() {}, warn() {}, error() {} }
const network = createNetwork({
  seed: randomBytes(32),
  listen: ['/ip4/127.0.0.1/tcp/0'],
  mdns: mode === 'mdns',
  gossipWithAnyone: true,
  log: silent,
})
network.handle('/echo/1', { maxFrameBytes: 262_144 }, async (stream) => {
  for (let frame = await stream.receive(); frame; frame = await stream.receive()) await stream.send(frame)
  await stream.close()
})
network.subscribe('news', () => 'accept')
await network.start()
if (peerId && address) await network.connect({ peerId, addresses: [address] })
say({ peerId: network.peerId, addresses: network.multiaddrs() })

if (mode === 'once') {
  await network.stop()
  await network.start()
  await network.stop()
  say({ stopped: true })
} else {
  process.stdin.resume()
}
