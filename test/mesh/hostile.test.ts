import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { sealMessage, topicOf } from '../../crdt/sealed-message.ts'
import { decodeShippedSegment, encodeShippedSegment } from '../../crdt/shipped-segment.ts'
import { privateSpaceId } from '../../crdt/space.ts'
import { encodeSaid } from '../../daemon/sync/announcement.ts'
import { alike, insert, introduce, type MeshDevice, meshDevice } from '../support/mesh-device.ts'
import { pairedVaults } from '../support/paired-vaults.ts'
import { until } from '../support/until.ts'

let stack = new AsyncDisposableStack()
afterEach(async () => {
  await stack.disposeAsync()
  stack = new AsyncDisposableStack()
})

type Attack = (segment: Uint8Array, n: number) => Uint8Array

const changed =
  (change: (segment: ReturnType<typeof decodeShippedSegment>, n: number) => object): Attack =>
  (bytes, n) => {
    const segment = decodeShippedSegment(bytes)
    return encodeShippedSegment({ ...segment, ...change(segment, n) })
  }
const numbered = (bytes: Uint8Array, n: number) => {
  const made = new Uint8Array(bytes)
  new DataView(made.buffer).setUint32(made.length - 4, n)
  return made
}

/** By a device that is certified and has every key. */
const ATTACKS: Record<string, { readonly attack: Attack; readonly cause: string }> = {
  'forged signatures': {
    attack: changed(({ signature }, n) => ({ signature: numbered(signature, n) })),
    cause: 'sync.live.signature',
  },
  'another chain than was signed': {
    attack: changed(({ seed }, n) => ({ seed: numbered(seed!, n) })),
    cause: 'sync.live.chain',
  },
  'bytes that are not canonical': {
    attack: (bytes, n) => Buffer.concat([bytes, numbered(new Uint8Array(4), n)]),
    cause: 'sync.live.malformed',
  },
}

describe('a certified device that turns on the others', () => {
  test.each(Object.entries(ATTACKS))(
    'with %s is cut, and honest work goes on',
    async (_, { attack, cause }) => {
      const { a, b, attacker, say } = await threeDevices()
      attacker.publish = () => {}
      attacker.write(insert('bait'))
      const segment = ownSegment(attacker)
      const began = performance.now()
      let sent = 0
      await until(
        'the attacker is cut by both',
        async () => {
          for (let n = 0; n < 20; n++) say(attack(segment, sent++))
          a.write(insert(`honest-${sent}`))
          return isCutBy(a, attacker) && isCutBy(b, attacker)
        },
        60_000,
      )
      console.log(`${cause}: cut after ${(performance.now() - began).toFixed(0)} ms and ${sent} messages`)
      expect(performance.now() - began).toBeLessThan(60_000)
      expect((a.counts.get(cause) ?? 0) + (b.counts.get(cause) ?? 0)).toBeGreaterThan(10)
      await until('honest work arrives', async () => alike([a, b]))
    },
  )

  test('that sends much nonsense at once is cut, memory stays, and honest work goes on', async () => {
    const { a, b, attacker, say } = await threeDevices()
    attacker.publish = () => {}
    const before = process.memoryUsage.rss()
    const began = performance.now()
    let sent = 0
    await until(
      'the attacker is cut by both',
      async () => {
        for (let n = 0; n < 500; n++) say(numbered(new Uint8Array(64), sent++))
        a.write(insert(`honest-${sent}`))
        await wait(50)
        return isCutBy(a, attacker) && isCutBy(b, attacker)
      },
      60_000,
    )
    const grown = (process.memoryUsage.rss() - before) / 2 ** 20
    console.log(
      `nonsense: cut after ${(performance.now() - began).toFixed(0)} ms and ${sent} messages, ${grown.toFixed(0)} MiB more`,
    )
    expect(grown).toBeLessThan(150)
    await until('honest work arrives', async () => alike([a, b]))
  })
})

async function threeDevices() {
  const { vaults } = stack.use(pairedVaults(3))
  const devices = await Promise.all(vaults.map(async (vault) => stack.use(await meshDevice(vault))))
  await introduce(devices)
  const [a, b, attacker] = devices as [MeshDevice, MeshDevice, MeshDevice]
  let n = 0
  await until('the attacker is heard on gossip', async () => {
    attacker.write(insert(`heard-${n++}`))
    await wait(60)
    return [a, b].every(({ counts }) => (counts.get('sync.live.applied') ?? 0) > 0)
  })
  await until('all hold the same', async () => alike(devices))
  const { did, epochs } = attacker.vault.keys
  const epoch = epochs.at(-1)!
  const topic = topicOf(epoch, privateSpaceId(did))
  const publish = attacker.publish
  const say = (bytes: Uint8Array) =>
    publish(topic, sealMessage(epoch, topic, encodeSaid({ type: 'segment', bytes })))
  return { a, b, attacker, say }
}

/** The last operation this device wrote, signed. */
function ownSegment({ vault }: MeshDevice): Uint8Array {
  const log = vault.replica.frontier({}).find(({ device }) => Buffer.compare(device, vault.device) === 0)!
  return new Uint8Array(vault.replica.read({ log, maxBytes: 65_536 }).segments[0]!)
}

const isCutBy = ({ counts, network }: MeshDevice, attacker: MeshDevice) =>
  counts.has('network.peers.refused') && !network.peers().includes(attacker.network.peerId)
