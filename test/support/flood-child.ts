import { createPrivateKey, randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { sealMessage, topicOf } from '../../crdt/sealed-message.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { encodeFrame } from '../../crdt/sync-frames.ts'
import { encodeSaid } from '../../daemon/sync/announcement.ts'
import { proposeSpace } from '../../daemon/sync/handshake.ts'
import type { FloodOrder, FloodReport } from './flood.ts'
import { HandLog } from './hand-log.ts'
import { documentOf, insert, meshDevice } from './mesh-device.ts'
import { openDevice } from './paired-vaults.ts'
import { until } from './until.ts'

/** A certified device in a process of its own that floods the others as soon as it is told to. */

const TICK_MS = 10
/** Operations in one message of gossip: of more messages its own network lets most fall. */
const IN_ONE = 10
const GIVE_UP_MS = 30_000
const report = (message: FloodReport) => process.send!(message)

process.once('message', (order: FloodOrder) => {
  attack(order).catch((error: unknown) => report({ type: 'failed', reason: String(error) }))
})

async function attack({ identity, documents, perSecond, way }: FloodOrder): Promise<void> {
  const deviceKey = createPrivateKey({ key: Buffer.from(identity.deviceKey), format: 'der', type: 'pkcs8' })
  const keys = { ...identity.keys, deviceKey }
  const device = await meshDevice(openDevice({ keys, document: identity.document }))
  report({ type: 'document', document: documentOf(device) })
  for (const document of documents) await device.sync.addMember(keys.did, document)
  await until('both are connected', async () => device.network.peers().length >= documents.length, GIVE_UP_MS)
  device.write(insert('of the attacker'))
  const stop = new Promise<void>((resolve) => process.once('message', () => resolve()))
  report({ type: 'ready', peerId: device.network.peerId })
  await stop
  const peers = [...device.network.peers()]
  const send = way === 'gossip' ? gossip() : await stream()
  device.publish = () => {}
  const began = performance.now()
  let sent = 0
  while (device.network.peers().length > 0 && performance.now() - began < GIVE_UP_MS) {
    const due = Math.ceil(((performance.now() - began) / 1_000) * perSecond)
    for (; sent < due; sent += way === 'gossip' ? IN_ONE : 1) send(sent)
    await wait(TICK_MS)
  }
  report({ type: 'cut', sent, ms: performance.now() - began, left: device.network.peers().length })
  await new Promise(() => {})

  function gossip(): (n: number) => void {
    const epoch = keys.epochs.at(-1)!
    const topic = topicOf(epoch, privateSpaceId(keys.did))
    const log = new HandLog(keys)
    const publish = device.publish
    return (n) => {
      const names = Array.from({ length: IN_ONE }, (_, index) => `flood-${(n + index) % 1_000}`)
      const bytes = log.segment(names, 'of the flood', Date.UTC(2026, 0, 1) + n)
      publish(topic, sealMessage(epoch, topic, encodeSaid({ type: 'segment', bytes })))
    }
  }

  async function stream(): Promise<(n: number) => void> {
    device.sync.stop()
    const random = (bytes: number) => new Uint8Array(randomBytes(bytes))
    const streams = await Promise.all(
      peers.map((peerId) => proposeSpace(device.network, { peerId, addresses: [] }, keys, random, Date.now)),
    )
    return (n) => {
      const frame = encodeFrame({ type: 'state', frontier: random(32), members: random(8), ask: n % 2 === 0 })
      for (const { stream } of streams) stream.send(frame).catch(() => {}) // it is cut by then
    }
  }
}
